"""Bytes that a training step holds."""
