"""The steps of the language, one file each or one small family. A layer is its knobs and `forward`.

Importing this package imports no layer: `tfspec.layers.base.steps()` finds them all.
"""
