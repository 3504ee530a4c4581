"""A stand-in for torch that keeps shapes, strides, dtypes and storages, and no numbers."""
