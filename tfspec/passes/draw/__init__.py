"""Figures: a model laid out by what it means, and drawn as SVG, text, and more."""
