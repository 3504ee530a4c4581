"""Random predicates: which keys a query sees."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fuzz.maker import Maker
from tests.fuzz.values import Axis, Val

COMPARED = ("==", "!=", "<", "<=", ">", ">=")


def mask(m: Maker, x: Val, source: Val | None, *, windowed: bool = False) -> str | None:
    """A predicate of all kinds of terms; `source` is where keys come from, if not from x."""
    indexed = source is None and not windowed
    order = ["causal"] if source is None else []
    order += [f"within({m.number(1, 3)})"] if indexed else []
    return _of_terms(m, x, source, order, indexed=indexed)


def bucketed(m: Maker, x: Val) -> str | None:
    """A mask for buckets of distances, which ask whether it is causal: plainly so, or plainly not.

    What else may follow from comparing indices (`pos > H and causal or pos > H`) is no part of the
    language, so nothing is to be held against it.
    """
    made = _of_terms(m, x, None, [], indexed=False, ordered=False)
    if m.chance(50):
        return made
    return f"causal and ({made})" if made else "causal"


def _of_terms(
    m: Maker, x: Val, source: Val | None, order: list[str], *, indexed: bool, ordered: bool = True
) -> str | None:
    """Some of these terms and of those about flags, parts and numbers, put together. Numbers that
    tell the order of tokens are only among them where it is `ordered`."""
    terms = [*_flags(m, x, source), *order]
    numbers = [[*numbers_of(m, side, value, indexed=indexed, ordered=ordered)]
               for side, value in (("query", x), ("key", source or x))]  # fmt: skip
    terms += [_comparison(m, *numbers) for _ in range(m.number(0, 2)) if any(numbers)]
    if not terms:
        return None
    made = m.pick(terms)
    for _ in range(m.number(0, 2)):
        other = m.pick(terms)
        found = m.pick([f"{made} and {other}", f"{made} or {other}", f"not ({made})",
                        f"({made}) and not {other}", f"not {other} or ({made})"])  # fmt: skip
        if other not in made or "not" not in found:  # `a and not a` hides every key
            made = found
    return made


def _flags(m: Maker, x: Val, source: Val | None) -> Iterator[str]:
    """Bool inputs over the tokens, and parts; what both are called is refused."""
    for side, value in (("query", x), ("key", source or x)):
        parts = {part.name for part in value.parts}
        for name, (batch, axis) in m.flags.items():
            if name in parts:
                continue
            known = [a for part in value.parts for a in part.axes if a.name == axis.name]
            if value.batch == batch and known and set(known) == {axis}:
                yield f"{side}.{name}"
        axes = {axis.name for part in value.parts for axis in part.axes}
        for part in value.parts if len(value.parts) > 1 else ():
            if part.name not in axes and part.name not in m.tree["inputs"]:
                yield f"{side}.{part.name}"


def numbers_of(m: Maker, side: str, value: Val, *, indexed: bool, ordered: bool) -> Iterator[str]:
    """What a token can be asked for: its coordinates, its index, its number in an input of ids."""
    parts = {part.name for part in value.parts}
    axes = dict.fromkeys(axis.name for part in value.parts for axis in part.axes)
    row = len(value.parts) == 1 and len(axes) == 1  # its coordinate is the index
    for name in axes:
        if name not in parts and (ordered or not row):
            yield f"{side}.{name}"
    if indexed:
        yield f"{side}.pos"
    for name in m.vocabularies:
        ids = m.values[name]
        own = set(ids.parts[0].axes)
        if name not in axes and own and ids.batch == value.batch and _over(own, value):
            yield f"{side}.{name}"


def _over(own: set[Axis], value: Val) -> bool:
    """Whether an input of these axes has a value for each token of the parts that it speaks of."""
    names = {axis.name for axis in own}
    spoken = [part for part in value.parts if names & {axis.name for axis in part.axes}]
    return bool(spoken) and all(own <= set(part.axes) for part in spoken)


def _comparison(m: Maker, queries: list[str], keys: list[str]) -> str:
    """Two numbers compared: of a query and a key, or one of them with a constant."""
    left = m.pick(queries or keys)
    right = m.pick(keys) if keys and m.chance(70) else str(m.number(0, 3))
    op = m.pick(COMPARED)
    if m.chance(50):
        return f"{left} {op} {right}"
    by = m.number(1, 3)
    return m.pick(
        [
            f"abs({left} - {right}) {op} {by}",
            f"{left} // {by} {op} {right} // {by}",
            f"{left} % {by + 1} {op} {right} % 2",
            f"{left} - {by} {op} {right}",
            f"{by} * {left} {op} {right} + {by}",
            f"({left} + {right}) % 2 == 0",
            f"{left} - 2 * {right} // {by + 1} {op} -1",
        ]
    )
