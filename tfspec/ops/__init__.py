"""Primitive ops of the graph, one a file: shape, weights, FLOPs, label and lowered forms."""
