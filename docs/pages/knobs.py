"""The page of who uses what: for every step and knob, the specs that do."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docs.pages import markdown
from docs.pages.fields import knobs
from docs.pages.markdown import table, told
from docs.pages.steps import nested, own
from docs.pages.structure import MODELS
from tfspec import zoo
from tfspec.spec.load import load
from tfspec.spec.located import Located
from tfspec.spec.schema import Expect, Spec

DRAFTS = Path(__file__).parents[2] / "tests" / "drafts"
ABOUT = (
    "For every step and knob, the specs that use it: the bundled ones, and *in italics* drafts of "
    "the language that are not bundled yet. A knob for one model alone would be no part of a "
    "language: what few use is the field's own concept, and its row has a source."
)
CITED = re.compile(r"\b[A-Z][\w-]+(?: and [A-Z]\w+| et al\.| Team|-AI)? \d{4}")


def page() -> str:
    sections = map(_section, models().items())
    return markdown.page("Steps and knobs by use", ABOUT, _few(), *sections)


@cache
def models() -> dict[str, type[Located]]:
    """Every model of the language by the words that a reader knows it by."""
    found: dict[str, type[Located]] = {}
    for name, step in own().items():
        found[name] = step
        found |= {f"{name}: {each.__name__}": each for each in nested(step)}
    for title, model in MODELS.items():
        if model is not Spec:
            found[title] = model
            more = [each for each in nested(model) if each not in found.values()]
            found |= {f"{title}: {each.__name__}": each for each in more}
    return found


@dataclass(frozen=True)
class Few:
    """A knob that at most one spec uses; what several steps have in equal words is one knob."""

    key: str
    said: str
    of: tuple[str, ...]
    specs: frozenset[str]

    @property
    def source(self) -> str | None:
        """Where it comes from: its own words say it, or the one source of what it is a knob of."""
        whole = {cited for title in self.of for cited in CITED.findall(told(models()[title]))}
        own = CITED.findall(self.said) or (list(whole) if len(whole) == 1 else [])
        return own[0] if own else None


def few() -> list[Few]:
    """Every such knob; what `expect` asserts of a model is no part of it."""
    titles: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for title, model in models().items():
        for key, field in knobs(model).items() if model is not Expect else ():
            titles[key, field.description or ""].append(title)
    found = [
        Few(key, said, tuple(of), frozenset().union(*(users()[models()[t], key] for t in of)))
        for (key, said), of in titles.items()
    ]
    return [each for each in found if len(each.specs) <= 1]


def _few() -> str:
    head = ("knob", "of", "specs", "is", "source")
    rows = [
        (f"`{each.key}`", ", ".join(each.of), _names(each.specs), each.said, each.source or "")
        for each in few()
    ]
    return "## Used by one spec, or none yet\n\n" + table(head, rows)


def _section(item: tuple[str, type[Located]]) -> str:
    title, model = item
    whole = _names(users()[model, ""]) if title in own() else ""
    rows = [(f"`{key}`", _names(users()[model, key])) for key in knobs(model)]
    parts = [f"## {title}", *([f"Used by {whole}."] if whole else [])]
    return "\n\n".join(filter(None, [*parts, table(("knob", "specs"), rows)]))


def _names(specs: Collection[str]) -> str:
    if len(specs) > 8:
        return f"{len(specs)} specs"
    bundled = zoo.names()
    return ", ".join(n if n in bundled else f"*{n}*" for n in sorted(specs)) or "none"


@cache
def users() -> Mapping[tuple[type[Located], str], set[str]]:
    """Who uses a model of the language, under "", and who writes each knob of it."""
    found: defaultdict[tuple[type[Located], str], set[str]] = defaultdict(set)
    for name, path in paths().items():
        spec = load(path).spec
        assert spec is not None, name
        for model in pieces(spec):
            kind = type(model)
            found[kind, ""].add(name)
            for field in model.model_fields_set:
                found[kind, kind.model_fields[field].alias or field].add(name)
    return found


def paths() -> dict[str, Path]:
    """Bundled specs, and the drafts that no bundled one is."""
    drafts = {path.stem: path for path in sorted(DRAFTS.glob("*.yaml"))}
    return drafts | {name: zoo.path(name) for name in zoo.names()}


def pieces(value: Any) -> Iterator[Located]:
    """All models of the language in a value, itself among them."""
    if isinstance(value, Located):
        yield value
        inside = [getattr(value, name) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, tuple | list | set | frozenset):
        inside = list(value)
    elif is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, field.name) for field in fields(value)]
    else:
        return
    for each in inside:
        yield from pieces(each)
