"""Pictures in pixels and on pages, by packages that are extras: `tfspec[png]`, `tfspec[pdf]`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tfspec.passes.draw.font import FAMILY, FILES

EXTRAS = {"png": ("resvg_py", "PNG"), "pdf": ("svg2pdf_py", "PDF")}
"""The package that each of these formats needs, under the name of the extra."""


def png(svg: str, dpi: int) -> bytes:
    """The picture at a resolution, its text in the bundled font. Raises ImportError."""
    resvg = _package("png")
    made = resvg.svg_to_bytes(
        svg_string=svg, dpi=dpi, skip_system_fonts=True, sans_serif_family=FAMILY,
        font_files=[str(file) for file in FILES],
    )  # fmt: skip
    return bytes(made)


def pdf(svg: str) -> bytes:
    """One page of the picture's size, its fonts embedded. Raises ImportError."""
    package = _package("pdf")
    fonts = package.FontDatabase()
    for file in FILES:
        fonts.load_font_file(str(file))
    return bytes(package.svg_to_pdf(svg, fonts))


def _package(extra: str) -> Any:
    name, what = EXTRAS[extra]
    try:
        return import_module(name)
    except ImportError:
        needs = f"{what} needs the package {name}: pip install 'tfspec[{extra}]'"
        raise ImportError(needs, name=name) from None
