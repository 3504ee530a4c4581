"""What a figure shows of a step: the step itself says it, and figures name no step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tfspec.symbolic import Dim

Kind = Literal["embed", "norm", "attention", "mlp", "linear", "other"]
KINDS: tuple[Kind, ...] = ("embed", "norm", "attention", "mlp", "linear", "other")
Form = Literal["box", "chip", "sign", "quiet"]
Knob = tuple[str | Dim, ...]
"""A few words with sizes in them, which a figure writes in symbols or numbers."""


@dataclass(frozen=True)
class Look:
    """A title, the kind of work, which is a colour, and the knobs that matter, for a line below.

    A title in which sizes stand is a knob too. A chip is what a reader may skip over: a scale, a
    choice of tokens. A sign is one character. What is quiet does nothing that a reader of blocks
    asks for, such as dropout, which is for training: it is shown where every op is. `hides` are
    operands to which no line leads, for another one has brought what they say. What is `aside` is
    shown with the one step that reads it, as learned tokens are.
    """

    title: str | Knob
    kind: Kind = "other"
    knobs: tuple[Knob, ...] = ()
    form: Form = "box"
    hides: tuple[int, ...] = ()
    aside: bool = False


def chip(*title: str) -> Look:
    return Look(" ".join(title), form="chip")


def sign(character: str) -> Look:
    return Look(character, form="sign")


def plain(knob: Knob) -> str:
    """Its words, each size by its own name."""
    return "".join(map(str, knob))


def between(sign: str, sizes: tuple[Dim, ...]) -> Knob:
    """Sizes with a sign between them: 16 × 16."""
    return tuple(piece for size in sizes for piece in (sign, size))[1:]


_NAME = re.compile(r"((?<![\w.])[A-Za-z_]\w*)")


def condition(text: str, sizes: Mapping[str, Dim]) -> Knob:
    """A condition's words, with the sizes that it names as sizes; `key.N` is a place, not N."""
    return tuple(sizes.get(piece, piece) for piece in _NAME.split(text) if piece)
