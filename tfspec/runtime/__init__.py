"""What runs models: the only package of tfspec that imports torch."""
