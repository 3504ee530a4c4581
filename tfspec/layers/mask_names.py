"""Names in a mask, looked up among the queries and keys at hand: axes, parts and inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tfspec.construct.rules import UNKNOWN_PART
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Diagnostic, Label, Rule, Span, nearest
from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.places import place
from tfspec.graph.space import Part
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.layers.mask_inputs import fitted
from tfspec.spec.predicate import Coordinate, Flag, Side
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

NO_AXIS = Rule(
    "TS248",
    "an axis that queries or keys do not have",
    "A mask reads a coordinate on an axis that no query, or no key, at this place has; or a "
    "condition on single tokens reads an input over such an axis.",
    "A comparison with a missing coordinate is false: the whole comparison would hide every key.",
    "attend: {mask: key.W == query.W}  # on tokens over T",
    "Name an axis of the tokens, or leave the comparison out.",
)
NO_FLAG = Rule(
    "TS225",
    "a flag that no query or key has",
    "A mask reads a bool input whose axes the queries or keys at this place do not have.",
    "A missing flag counts as true, so that one block can serve several streams.",
    "attend: {mask: key.valid}  # in a stream of image regions, where valid is bool B T",
    "Nothing needs mending if the block serves several streams; else name the right flag.",
)
TWO_MEANINGS = Rule(
    "TS239",
    "a name of two things",
    "A mask reads `query.X` or `key.X`, and X is an input and a part or an axis of the tokens too.",
    "A part gets its name in `prepend` or `concat`, where an input's name is allowed; a mask asks "
    "for both alike.",
    "attend: {mask: key.valid}  # valid: bool B T, and the tokens have a part by `prepend: valid`",
    "Call the part, the axis or the input otherwise.",
)


@dataclass
class MaskNames:
    """What names mean here. `missing`: a flag was missing; `absent`: a part was.

    `bare`: whose a bare name is, where it may be a token's own. An axis's name is a coordinate
    there, and another dim's a size.
    """

    g: Builder
    pairs: Pairs
    place: Span
    bare: Side | None = None
    missing: bool = False
    absent: bool = False

    def side(self, each: Coordinate | Flag) -> Side | None:
        """Of which side a name speaks."""
        return each.side or self.bare

    def is_size(self, each: Coordinate) -> bool:
        """Whether a name is a dim's, which means its size."""
        if each.side is not None or self.bare is None:
            return each.side is None
        axis = self.pairs.space(self.bare).axis(each.name)
        return axis is None and each.name in self.g.spec.dims

    def size(self, name: str) -> Dim:
        """A dim's size."""
        if name not in self.g.dims:  # reported where the dim is declared
            raise Stop
        return self.g.dims[name]

    def coordinate(self, each: Coordinate) -> mt.Number:
        """A token's index, its value of an ids input, or its coordinate on an axis."""
        side = self.side(each)
        assert side is not None
        if each.name == "pos":
            return mt.Index(side)
        tensor = self.g.values.get(each.name)
        if tensor is not None and each.name in self.g.spec.inputs:
            return self._ids(each, tensor, side)
        space = self.pairs.space(side)
        if any(axis.name == each.name for axis in space.batch):
            raise self.g.not_yet(f"`{each}`, a coordinate on a batch axis,", each.span)
        places = (place(space, number, each.name) for number in range(len(space.parts)))
        found = tuple(there for there in places if there is not None)
        if not found:
            raise self._no_axis(each, side)
        if len(space.parts) == 1 and len(space.parts[0].axes) == 1:
            return mt.Index(side)
        return mt.OnAxis(side, each.name, found)

    def _ids(self, each: Coordinate, tensor: Tensor, side: Side) -> mt.Given:
        if tensor.unknown:
            raise Stop
        if self.pairs.space(side).axis(each.name) is not None:
            raise self._two_meanings(each, side, "axis")
        given = fitted(self.g, self.pairs, tensor, each, side)
        if given is None:
            raise self._no_axis(each, side, tensor)
        return replace(given, values=tensor.vocabulary)

    def _no_axis(
        self, each: Coordinate | Flag, side: Side, tensor: Tensor | None = None
    ) -> Exception:
        parts = self.pairs.space(side).parts
        axes = {axis.name: None for part in parts for axis in part.axes}
        words, named = self.pairs.called[side], " and ".join(axes)
        has = f"axis {named}" if len(axes) == 1 else f"axes {named}" if axes else "no axes"
        what = f"no axis {each.name}"
        if tensor is not None:
            own = " or ".join(axis.name for axis in tensor.space.parts[0].axes)
            what = f"no axis {own}, which `{each.name}` is over"
        near = nearest(each.name, axes) if tensor is None else None
        before = f"{each.side}." if each.side else ""
        help = [f"did you mean `{before}{near}`?"] if near else [f"they have {has}"]
        return self.g.refuse(NO_AXIS, f"`{each}`: the {words} have {what}", each.span, help=help)

    def _two_meanings(self, each: Coordinate | Flag, side: Side, other: str) -> Exception:
        """An input whose name is also a part's or an axis's on the side that is asked."""
        which = f"{'an' if other == 'axis' else 'a'} {other} of the {self.pairs.called[side]}"
        message = f"`{each}` may be the input `{each.name}` or {which}: both have this name"
        came = [Label(self.g.spec.inputs.span_of(each.name), "the input")]
        help = [f"call the {other} otherwise where it is made, or the input"]
        return self.g.refuse(TWO_MEANINGS, message, each.span, came=came, help=help)

    # ---- conditions
    def flag(self, each: Flag) -> mt.Answer:
        """A bool input's flag, or membership in a part."""
        side = self.side(each)
        if side is None:
            return self._input(each)
        tensor = self.g.values.get(each.name, UNKNOWN)
        if each.name not in self.g.spec.inputs or tensor.kind != "bool":
            return self._member(each, side)
        if self.pairs.space(side).part(each.name) is not None:
            raise self._two_meanings(each, side, "part")
        return self._input(each)

    def _input(self, each: Flag) -> mt.Answer:
        tensor = self.g.values.get(each.name, UNKNOWN)
        if tensor.unknown:
            raise Stop
        given = fitted(self.g, self.pairs, tensor, each, self.side(each))
        if given is None and self.bare is not None:
            raise self._no_axis(each, self.bare, tensor)
        if given is None:
            self._note_missing(each, tensor)
            return True
        self._note_parts(each, tensor, given)
        return mt.Flag(given)

    def _note_missing(self, each: Flag, tensor: Tensor) -> None:
        own = " or ".join(sorted(axis.name for axis in tensor.space.parts[0].axes))
        side = self.side(each)
        words = f"the {self.pairs.called[side]} have" if side else "queries and keys have"
        self.missing = True
        self._note(NO_FLAG, f"`{each}` hides nothing here: {words} no axis {own}", each.span)

    def _note_parts(self, each: Flag, tensor: Tensor, given: mt.Given) -> None:
        """Tokens of several parts: those that the flag says nothing of."""
        for side in self.pairs.called:
            parts, has = self.pairs.space(side).parts, {grid.part for grid in given.grids(side)}
            others = [part.name for number, part in enumerate(parts) if number not in has]
            if has and others:
                own = "·".join(axis.name for axis in tensor.space.parts[0].axes)
                what = f"`{each}` hides no token of {' and '.join(others)}: it is over {own}"
                self._note(NO_FLAG, what, each.span)

    def _member(self, each: Flag, side: Side) -> mt.Answer:
        parts = self.pairs.space(side).parts
        found = frozenset(at for at, part in enumerate(parts) if part.name == each.name)
        if found:
            return self.pairs.member(side, found)
        self.absent = True
        message = f"`{each}` is false here: the {self.pairs.called[side]} have no part {each.name}"
        self._note(UNKNOWN_PART, message, each.span, [f"their parts: {_names(parts)}"])
        return False

    def _note(self, rule: Rule, message: str, span: Span, helps: list[str] | None = None) -> None:
        """Once for a place, though a block runs on several values."""
        if (rule.code, span) not in self.g.told:
            note = Diagnostic(rule, message, Label(span), help=tuple(helps or ()), severity="note")
            self.g.diagnostics.add(note)
            self.g.told.add((rule.code, span))


def _names(parts: tuple[Part, ...]) -> str:
    return ", ".join(part.name for part in parts)
