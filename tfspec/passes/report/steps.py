"""A figure as what a page nests: steps, edges, branches side by side, and lanes of residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfspec.graph.look import Form, Kind


@dataclass(frozen=True)
class Edge:
    """A line down to what follows, with the shape that it carries where that is a new one."""

    label: str = ""
    arrow: bool = True
    is_a: Literal["edge"] = "edge"


@dataclass(frozen=True)
class Name:
    """An input or an output of the model, or with `leaves` a value that another column reads."""

    text: str
    at: int | None = None
    leaves: bool = False
    is_a: Literal["name"] = "name"


@dataclass(frozen=True)
class Source:
    """A value that is made elsewhere: the words for it, and the step that it comes from."""

    text: str
    at: int
    is_a: Literal["source"] = "source"


@dataclass(frozen=True)
class Step:
    """A box, or with a body what can be folded. `at` is its number on the page.

    `shares` are its parts of the whole's FLOPs, parameters and kept bytes, in percent.
    """

    at: int
    title: str
    knobs: str
    kind: Kind
    form: Form
    shares: tuple[int, ...]
    sources: tuple[Source, ...] = ()
    count: int = 1
    body: tuple[Piece, ...] = ()
    block: bool = False
    open: bool = False
    is_a: Literal["step"] = "step"


@dataclass(frozen=True)
class Branches:
    """Branches side by side. `parts`: they begin at one value; `meets` is what they end in.

    `beside` are those that begin with a value made elsewhere; `lanes` counts residuals, which run
    beside all of them, from before the branches into what they meet in. `stem`: a line leads to
    where they part, and not another such line.
    """

    branches: tuple[tuple[Piece, ...], ...]
    meets: Step | None
    parts: bool
    lanes: int
    beside: tuple[tuple[Piece, ...], ...] = ()
    stem: bool = True
    is_a: Literal["branches"] = "branches"


Piece = Edge | Name | Source | Step | Branches
