"""How one mapping changes another: the rule of `extends`, on nodes that keep their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tfspec.diagnostics import nearest
from tfspec.layers.base import find_step
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence

NOT_INHERITED = frozenset(("name", "about", "expect"))
"""What a spec says of itself alone."""

STREAM_KEYS = frozenset(("do", "per", "freeze"))
"""What a stream's mapping has; without one of them it is a pipeline."""

Entry = tuple[Scalar, Node]


def merge(base: Node, change: Node) -> Node:
    """Mappings key by key; lists and scalars, and a step in another's place, are replaced."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    if _step_of(base) and _step_of(change) and _step_of(base) != _step_of(change):
        return change
    return merge_entries(base, change, change.entries)


def merge_entries(base: Mapping, place: Mapping, changes: Iterable[Entry]) -> Mapping:
    """The base's entries with these changes; it stands at the place of what changes it."""
    merged: dict[str, Entry] = {key.text: (key, value) for key, value in base.entries}
    for key, value in changes:
        old = merged.get(key.text)
        merged[key.text] = (key, merge(old[1], value) if old else value)
    return Mapping(place.span, tuple(merged.values()))


def inherit(base: Mapping, child: Mapping) -> Mapping:
    """A spec that extends another, as one spec; what it calls `none` is gone."""
    base = _with_streams(base, child)
    kept = [(key, value) for key, value in base.entries if key.text not in NOT_INHERITED]
    whole = merge_entries(Mapping(base.span, tuple(kept)), child, child.entries)
    entries = ((key, _left(base.get(key.text), value)) for key, value in whole.entries)
    return replace(whole, entries=tuple(entries))


def _with_streams(base: Mapping, child: Mapping) -> Mapping:
    """The base, its streams that are pipelines alone as mappings where the child changes keys of
    theirs: `image: {freeze: true}`."""
    streams, changes = base.get("streams"), child.get("streams")
    if not isinstance(streams, Mapping) or not isinstance(changes, Mapping):
        return base
    entries = tuple(
        (key, _declared(value, changes.get(key.text))) for key, value in streams.entries
    )
    return replaced(base, "streams", replace(streams, entries=entries))


def _declared(stream: Node, change: Node | None) -> Node:
    changed = isinstance(change, Mapping) and _is_declaration(change)
    if not changed or (isinstance(stream, Mapping) and _is_declaration(stream)):
        return stream
    return Mapping(stream.span, ((Scalar(stream.span, "do", "do"), stream),))


def _is_declaration(stream: Mapping) -> bool:
    return any(key.text in STREAM_KEYS for key, _ in stream.entries)


def _left(base: Node | None, section: Node) -> Node:
    """A section without the entries of its base that are `none` now."""
    if not isinstance(base, Mapping) or not isinstance(section, Mapping):
        return section
    had = {key.text for key, _ in base.entries}
    gone = {key.text for key, value in section.entries if _is_none(value)} & had
    return replace(section, entries=tuple(e for e in section.entries if e[0].text not in gone))


def _is_none(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text == "none"


def replaced(mapping: Mapping, key: str, value: Node) -> Mapping:
    """The mapping with another value of a key that it has."""
    entries = tuple((name, value if name.text == key else old) for name, old in mapping.entries)
    return replace(mapping, entries=entries)


def change_steps(node: Node, step: str, change: Node) -> Node:
    """A pipeline with the knobs of every such step in it changed."""
    if isinstance(node, Scalar):
        return _bare_step(node, change) if node.text == step else node
    if isinstance(node, Sequence):
        return replace(node, items=tuple(change_steps(item, step, change) for item in node.items))
    return replace(node, entries=tuple(_changed(entry, step, change) for entry in node.entries))


def count(node: Node) -> int:
    """How many nodes a node has, itself included."""
    if isinstance(node, Scalar):
        return 1
    inner = node.items if isinstance(node, Sequence) else (value for _, value in node.entries)
    return 1 + sum(map(count, inner))


def has_step(node: Node, step: str) -> bool:
    """Whether such a step is anywhere in a pipeline."""
    return step in _words(node)


def misspelt(node: Node, step: str) -> bool:
    """Whether a pipeline has no such step only because its name is misspelt there."""
    if isinstance(node, Sequence):
        return any(misspelt(item, step) for item in node.items)
    if not isinstance(node, Mapping):
        return False
    return any(not find_step(key.text) and nearest(key.text, [step]) for key, _ in node.entries)


def _words(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
        return
    if isinstance(node, Mapping):
        yield from (key.text for key, _ in node.entries)
        deeper = [value for key, value in node.entries if _holds_branches(key.text)]
    else:
        deeper = list(node.items)
    for each in deeper:
        yield from _words(each)


def _changed(entry: Entry, step: str, change: Node) -> Entry:
    key, knobs = entry
    if key.text == step:
        return key, merge(_spread(knobs, step), _spread(change, step))
    return (key, change_steps(knobs, step, change)) if _holds_branches(key.text) else entry


def _holds_branches(step: str) -> bool:
    """Whether a step's pipelines are branches of the block itself, not sources beside it."""
    return step in ("sum", "par", "join")


def _bare_step(name: Scalar, change: Node) -> Node:
    return Mapping(name.span, ((name, change),))


def _spread(knobs: Node, step: str) -> Node:
    """A bare value as the mapping that it stands for, so that knobs can be merged into it."""
    layer = find_step(step)
    if isinstance(knobs, Mapping) or layer is None or layer.shorthand is None or layer.whole:
        return knobs
    key = Scalar(knobs.span, layer.shorthand, layer.shorthand)
    return Mapping(knobs.span, ((key, knobs),))


def _step_of(node: Mapping) -> str | None:
    """The step, where a mapping is one step with its knobs."""
    if len(node.entries) != 1:
        return None
    name = node.entries[0][0].text
    return name if find_step(name) else None
