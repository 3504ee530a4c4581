"""Losses that an emitted file can have: generic kinds, chosen by name, never by model."""
