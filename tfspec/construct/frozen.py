"""Frozen streams: what they freeze is theirs alone, and there is something to freeze."""

from __future__ import annotations

from collections.abc import Iterator

from tfspec.construct.holders import Holders
from tfspec.construct.rules import IDLE_KNOB
from tfspec.diagnostics import Label, Rule
from tfspec.graph.scope import Entry, Group, Owner, Scope, Weight

HALF_FROZEN = Rule(
    "TS260",
    "weights that are frozen and trained",
    "A frozen stream shares weights with a stream that is trained.",
    "A weight is trained or it is not: one of the two streams would not be what it says. An output "
    "says neither, and what it shares with a frozen stream is frozen.",
    "a: {do: [x, {linear: {width: d, share: w}}], freeze: true}  # b: [y, {linear: {width: d, "
    "share: w}}]",
    "Freeze both streams, or let each have weights of its own.",
)


def check_frozen(g: Holders) -> None:
    """Report what is frozen in one stream and trained in another, and a `freeze` of no weights: to
    be asked when all of the spec is built."""
    if not any(decl.freeze for decl in g.spec.streams.values()):
        return
    weights = [weight for weight in _weights(g.top.scope) if weight.learned]
    owners = {owner for weight in weights for owner in weight.owners}
    for name, decl in g.spec.streams.items():
        if decl.freeze and Owner(name, frozen=True) not in owners:
            message = f"`freeze` has no effect: the steps of `{name}` have no weights"
            help = ["leave it out; a stream that it reads is frozen by a `freeze` of its own"]
            g.refuse(IDLE_KNOB, message, decl.key_span("freeze"), help=help)
    for frozen, trained, weight in _torn(weights):
        _refuse(g, frozen, trained, weight)


def _torn(weights: list[Weight]) -> Iterator[tuple[str, str, Weight]]:
    """A frozen and a trained stream with weights in common, each pair once, with the first."""
    found: set[tuple[str, str]] = set()
    for weight in weights:
        frozen = [owner.stream for owner in weight.owners if owner.frozen]
        trained = [owner.stream for owner in weight.owners if owner.stream and not owner.frozen]
        for pair in ((one, other) for one in frozen for other in trained):
            if pair not in found:
                found.add(pair)
                yield *pair, weight


def _refuse(g: Holders, frozen: str, trained: str, weight: Weight) -> None:
    place = weight.owners[Owner(trained)]
    came = [] if place is None else [Label(place, f"`{trained}` trains them here")]
    message = f"`{frozen}` is frozen, and has weights in common with `{trained}`, which is not"
    help = [f"freeze `{trained}` too, or let each have weights of its own"]
    freeze = g.spec.streams[frozen].key_span("freeze")
    g.refuse(HALF_FROZEN, message, freeze, came=came, help=help)


def _weights(entry: Entry) -> Iterator[Weight]:
    if isinstance(entry, Group):
        yield from entry.weights.values()
    elif isinstance(entry, Scope):
        for each in entry.entries:
            yield from _weights(each)
