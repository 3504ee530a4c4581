"""Every tensor of a model, with its shape."""
