"""All pages together, and the one that leads to them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from docs.pages import diagnostics, knobs, losses, sources, specs, steps, structure
from docs.pages.markdown import page

FOLDER = Path(__file__).parents[1] / "reference"
PARTS = {
    "steps.md": (steps.page, "every step of a pipeline, with its knobs"),
    "structure.md": (structure.page, "a spec's sections, blocks, norms and residuals"),
    "losses.md": (losses.page, "what `tfspec build --loss` adds"),
    "specs.md": (specs.page, "the bundled specs: source, parameters, FLOPs"),
    "knobs.md": (knobs.page, "which specs use which knob"),
    "sources.md": (sources.page, "every work that is cited, and where to read it"),
    "diagnostics.md": (diagnostics.page, "every message: its code, why, and what to do"),
}


@cache
def pages() -> dict[str, str]:
    """Every page by its name, as `make reference` writes it."""
    listed = "\n".join(f"- [{name}]({name}): {what}" for name, (_, what) in PARTS.items())
    index = page("Reference", "What the code says of itself.", listed)
    return {"README.md": index, **{name: make() for name, (make, _) in PARTS.items()}}
