"""The page of what stands around steps: sections of a spec, blocks, norms and residuals."""

from __future__ import annotations

from docs.pages import markdown
from docs.pages.fields import knob_table
from docs.pages.markdown import told
from docs.pages.steps import nested
from tfspec.layers.norm import Normalisation, NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.spec.located import Located
from tfspec.spec.schema import BlockDecl, Expect, Init, Spec, StreamDecl

MODELS: dict[str, type[Located]] = {
    "A spec": Spec,
    "A stream": StreamDecl,
    "A block": BlockDecl,
    "norm, of a block or branch": NormKnobs,
    "residual, of a block or branch": ResidualKnobs,
    "init": Init,
    "expect": Expect,
}


def page() -> str:
    sections = [_section(title, model) for title, model in MODELS.items()]
    return markdown.page("The structure of a spec", "What steps stand in.", *sections)


def _section(title: str, model: type[Located]) -> str:
    more = [told(Normalisation)] if model is NormKnobs else []
    parts = [f"## {title}", told(model), *more, knob_table(model)]
    for each in nested(model) if model is ResidualKnobs else ():
        parts += [f"### {each.__name__}", told(each), knob_table(each)]
    return "\n\n".join(filter(None, parts))
