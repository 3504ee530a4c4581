"""The page of steps: each with shapes, formula, source and knobs."""

from __future__ import annotations

from docs.pages import markdown
from docs.pages.fields import forms, knob_table
from docs.pages.markdown import anchor, told
from tfspec.layers.base import Layer, steps
from tfspec.layers.norm import NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.spec.located import Located

ABOUT = (
    "A step stands in a pipeline and turns a value into the next. Shapes: `[batch..., tokens, "
    "features]`; `...` are axes that stay as they are. Norms and residuals of a branch are in "
    "[structure.md](structure.md)."
)
ELSEWHERE: tuple[type[Located], ...] = (NormKnobs, ResidualKnobs)
"""What several steps and blocks take: the page of the structure has it once."""


def own() -> dict[str, type[Layer]]:
    """tfspec's steps by name; what a package from outside adds is not its reference."""
    found = sorted(steps().items())
    return {name: step for name, step in found if step.__module__.startswith("tfspec.")}


def page() -> str:
    names = ", ".join(f"[`{name}`]({anchor(name)})" for name in own())
    sections = [_section(name, step) for name, step in own().items()]
    return markdown.page("Steps", ABOUT, names, *sections)


def _section(name: str, step: type[Layer]) -> str:
    parts = [f"## {name}", told(step), knob_table(step)]
    for model in nested(step):
        parts += [f"### {name}: {model.__name__}", told(model), knob_table(model)]
    return "\n\n".join(filter(None, parts))


def nested(model: type[Located]) -> list[type[Located]]:
    """What has knobs of its own below a step, each once, in order."""
    found: list[type[Located]] = []
    for each in forms(model):
        if each not in ELSEWHERE:
            found += [each, *nested(each)]
    return list(dict.fromkeys(found))
