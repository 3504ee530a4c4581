"""tfspec: from a YAML spec of a Transformer to checked shapes and a standalone PyTorch file.

spec = tfspec.load("gpt2")                         # a path, or the name of a bundled spec
spec.check(), spec.shapes(), spec.cost(), spec.draw(), spec.emit(), spec.report()
model = tfspec.build("vit-b16", compile=True)      # the only call that imports torch
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfspec.api import (
        Architecture,
        SpecError,
        build,
        check,
        cost,
        diff,
        draw,
        emit,
        load,
        report,
        shapes,
    )

__all__ = [
    "Architecture",
    "SpecError",
    "__version__",
    "build",
    "check",
    "cost",
    "diff",
    "draw",
    "emit",
    "load",
    "report",
    "shapes",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: `import tfspec` itself costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'tfspec' has no attribute {name!r}")
    return getattr(import_module("tfspec.api"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
