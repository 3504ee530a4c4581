"""What torch keeps for backward of one step: said by whoever writes the step, in eager mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.value import Value

SavedDtype = Literal["float", "float32", "int64", "int32", "bool"]


@dataclass(frozen=True)
class Keep:
    """The whole storage of a value, or of the copy that a kernel takes of it.

    `when` lists values: it is kept where one of them needs a gradient; empty: where any operand or
    weight of the step does.
    """

    value: Value
    when: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Result:
    """The whole storage of what the step makes."""

    when: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Made:
    """A tensor without a name in the file: a statistic, a mask, a copy. "float" is the model's."""

    what: str
    elements: Dim
    dtype: SavedDtype = "float"
    when: tuple[Value, ...] = ()


Kept = Keep | Result | Made


@dataclass(frozen=True)
class Saves:
    """All that one step keeps. `learns`: it reads weights of its own, which need gradients.

    `why` is the reason of a step that keeps nothing; `without` is what is known to be missing here.
    `stops`: no gradient goes through it, whatever its inputs need. `weighs`: backward reads weights
    of its own, which are there anyway, where an operand needs a gradient.
    """

    kept: tuple[Kept, ...]
    learns: bool = False
    why: str = ""
    without: str = ""
    stops: bool = False
    weighs: bool = False


def saves(*kept: Kept, learns: bool = False, without: str = "") -> Saves:
    """A step that keeps something."""
    assert kept, "a step that keeps nothing says why: nothing(...)"
    return Saves(kept, learns, without=without)


def nothing(why: str, *, learns: bool = False) -> Saves:
    """A step that keeps nothing, and the reason."""
    return Saves((), learns, why=why)


VIEW = nothing("a view: backward needs shapes alone")
LINEAR = nothing("a sum, a copy or a multiple by a number: its gradient needs no values")
NO_GRADIENT = Saves((), why="indices, flags, sizes and constants have no gradient", stops=True)
A_WEIGHT = nothing("a weight as it is", learns=True)
A_FROZEN_WEIGHT = nothing("a weight that is not trained")
FROZEN_MAP = Saves((), why="of a weight that is not trained: it alone is read", weighs=True)
A_BUFFER = nothing("a constant as it is")
DETACHED = Saves((), why="cut off: no gradient goes on from here", stops=True)
CALL = nothing("what a child's steps keep is said by them")


def product_of(a: Value, b: Value) -> Saves:
    """a · b, element by element: each is needed for the other's gradient."""
    return saves(Keep(a, when=(b,)), Keep(b, when=(a,)))
