"""The knob `mask` of `attend`: a predicate of the spec, read for the queries and keys at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.graph.mask import Mask, without
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.spec.predicate import Causal, Compare, Flag, Within, walk

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.layers.attend import Attend

NO_FLAG = Rule(
    "TS225",
    "a flag that no query or key has",
    "A mask reads a bool input whose axes the queries or keys at this place do not have.",
    "A missing flag counts as true, so that one block can serve several streams.",
    "attend: {mask: key.valid}  # in a stream of image regions, where valid is bool B T",
    "Nothing needs mending if the block serves several streams; else name the right flag.",
)
TWO_SIDES = Rule(
    "TS229",
    "a flag of the query or of the key",
    "A mask reads a bool input by its bare name, and queries and keys both have one of its axes.",
    "It would hide keys in the one reading and queries in the other.",
    "attend: {heads: 8, mask: valid}  # valid: bool B T, on tokens over T",
    "Write `key.valid` or `query.valid`.",
)
NOT_SELF = Rule(
    "TS223",
    "an index mask on attention to another value",
    "`causal` or `within` is used where keys come from elsewhere.",
    "They compare positions in one text; queries and keys of two values have none in common.",
    "attend: {to: memory, heads: 8, mask: causal}",
    "Leave it out, or use flags and coordinates.",
)


def read_mask(
    g: Builder, layer: Attend, x: Tensor, source: Tensor | None
) -> tuple[Mask | None, tuple[Tensor, ...]]:
    """The mask of the graph, and the inputs that its flags are."""
    if layer.mask is None:
        return None, ()
    for node in walk(layer.mask.tree):
        if isinstance(node, Causal | Within) and source is not None:
            message = f"`{node}` compares positions, and queries and keys are different values"
            came = [Label(layer.span_of("to"), "the keys come from here")]
            help = ["leave it out, or read flags: `mask: key.valid`"]
            raise g.refuse(NOT_SELF, message, node.span, came=came, help=help)
        if isinstance(node, Compare):
            raise g.not_yet("a mask that compares coordinates", layer.span_of("mask"))
        if isinstance(node, Within):
            g.size(node.size)
    sides = {"query": x, "key": source or x}
    missing = {f for f in Mask(layer.mask.tree).flags if _is_missing(g, f, sides)}
    tree = without(layer.mask.tree, missing)
    if tree is True:
        return None, ()
    if tree is False:
        message = f"`{layer.mask}` hides every key here, where a missing flag counts as true"
        raise g.refuse(NO_FLAG, message, layer.span_of("mask"), help=["leave the mask out"])
    mask = Mask(tree)
    return mask, tuple(_flag(g, flag, sides) for flag in mask.flags)


def _is_missing(g: Builder, flag: Flag, sides: dict[str, Tensor]) -> bool:
    """Whether no query or key has the flag at all: it is then true, and a note says so."""
    tensor = g.values.get(flag.name, UNKNOWN)
    if flag.side is None or tensor.unknown or tensor.kind != "bool":
        return False
    own = {axis.name for part in tensor.space.parts for axis in part.axes}
    found = {axis.name for part in sides[flag.side].space.parts for axis in part.axes}
    if not own or own & found:
        return False
    side = "keys" if flag.side == "key" else "queries"
    message = f"`{flag}` hides nothing here: the {side} have no axis {' or '.join(sorted(own))}"
    g.diagnostics.add(Diagnostic(NO_FLAG, message, Label(flag.span), severity="note"))
    return True


def _flag(g: Builder, flag: Flag, sides: dict[str, Tensor]) -> Tensor:
    """The bool input that a flag of the mask reads: one flag for each query or key."""
    tensor = g.values.get(flag.name, UNKNOWN)
    if flag.side is None and tensor.kind == "bool":
        _check_bare(g, flag, (tensor, *sides.values()))
    if flag.side is None or tensor.unknown or tensor.kind != "bool":
        raise g.not_yet(f"`{flag}` in a mask", flag.span)
    wanted = sides[flag.side].space
    sizes = [axis.size for axis in (*wanted.batch, *wanted.token_axes)]
    alike = tensor.space.batch == wanted.batch
    if alike and tensor.space.token_axes == wanted.token_axes and not tensor.raw:
        return tensor
    if len(wanted.parts) > 1:
        raise g.not_yet("a flag for one of several parts", flag.span)
    tokens = f"{'keys' if flag.side == 'key' else 'queries'} [{', '.join(map(str, sizes))}]"
    raise g.not_yet(f"`{flag}` with flags {g.shape(tensor)} for {tokens}", flag.span)


def _check_bare(g: Builder, flag: Flag, values: tuple[Tensor, ...]) -> None:
    """The axes of a bare flag are found in query and key together, none of them in both."""
    own, query, key = ({axis.name for part in x.space.parts for axis in part.axes} for x in values)
    if both := sorted(own & query & key):
        message = f"`{flag}` may be the query's or the key's: both have axis {both[0]}"
        help = [f"write `key.{flag}` to hide keys, or `query.{flag}`"]
        raise g.refuse(TWO_SIDES, message, flag.span, help=help)
