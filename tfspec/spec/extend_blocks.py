"""Blocks that extend blocks: each becomes a whole block of its own, before it is validated."""

from __future__ import annotations

from tfspec.diagnostics import Diagnostic, Label, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.layers.base import find_step
from tfspec.spec.merge import (
    Entry,
    change_steps,
    count,
    has_step,
    merge_entries,
    misspelt,
    replaced,
)
from tfspec.spec.nodes import Mapping, Node, Scalar
from tfspec.spec.wrong import diagnostic

UNKNOWN_BLOCK = Rule(
    "TS110",
    "an unknown block to extend",
    "A block extends a block that the spec does not have, or one that is a list.",
    "Its keys come from that block.",
    "blocks: {read: {extends: sea, attend: {mask: causal}}}",
    "Name a block of this spec that is a mapping.",
)
BLOCK_CYCLE = Rule(
    "TS111",
    "blocks that extend each other",
    "A block extends itself, directly or through others.",
    "None of them would have a beginning.",
    "blocks: {a: {extends: b}, b: {extends: a}}",
    "Let one of them be whole.",
)
NO_SUCH_STEP = Rule(
    "TS112",
    "nothing to merge into",
    "A step's name is a key of a block, and the block has no such step.",
    "Its knobs merge into every such step of `do`.",
    "blocks: {read: {extends: see, conv: {width: d}}}",
    "Name a step that the extended block has, or write the step into `do`.",
)


TOO_MANY = Rule(
    "TS113",
    "blocks that grow too large",
    "Blocks extend each other through many others, or come to very many nodes once whole.",
    "A small file could otherwise stand for an endless spec.",
    "blocks: {a: {extends: b}, b: {extends: c}, ...}",
    "Extend fewer blocks.",
)
MAX_CHAIN = 32
MAX_NODES = 40_000
MAX_SUGGESTIONS = 40  # looking for the nearest name is slow


def extend_blocks(spec: Mapping) -> tuple[Mapping, list[Diagnostic]]:
    """The spec with every block whole, and what is wrong with their `extends`."""
    blocks = spec.get("blocks")
    if not isinstance(blocks, Mapping):
        return spec, []
    extender = _Extender(blocks)
    whole = tuple((key, extender.whole(key.text)) for key, _ in blocks.entries)
    if sum(map(count, extender.done.values())) > MAX_NODES:
        message = f"with what they extend, the blocks have more than {MAX_NODES:,} nodes"
        return spec, [diagnostic(TOO_MANY, message, blocks.span)]
    return replaced(spec, "blocks", Mapping(blocks.span, whole)), extender.found


class _Extender:
    """Makes blocks whole, each once."""

    def __init__(self, blocks: Mapping) -> None:
        self.blocks = {key.text: value for key, value in blocks.entries}
        self.done: dict[str, Node] = {}
        self.open: list[str] = []
        self.found: list[Diagnostic] = []

    def whole(self, name: str) -> Node:
        """The block with what it extends merged in."""
        if name not in self.done:
            self.open.append(name)
            self.done[name] = self._made(self.blocks[name])
            self.open.pop()
        return self.done[name]

    def _made(self, block: Node) -> Node:
        if not isinstance(block, Mapping):
            return block
        steps = [entry for entry in block.entries if _is_step(entry)]
        knobs = [entry for entry in block.entries if not _is_step(entry)]
        base = self._base(block)
        merged = merge_entries(base, block, knobs) if base else Mapping(block.span, tuple(knobs))
        known = base is not None or block.get("extends") is None
        return self._with_steps(merged, steps, known=known)

    def _base(self, block: Mapping) -> Mapping | None:
        extends = block.get("extends")
        if not isinstance(extends, Scalar) or not isinstance(extends.value, str):
            return None
        problem = self._refuse(extends)
        if problem:
            self.found.append(problem)
            return None
        base = self.whole(extends.text)
        return base if isinstance(base, Mapping) else None

    def _refuse(self, extends: Scalar) -> Diagnostic | None:
        name = extends.text
        if name not in self.blocks:
            near = nearest(name, self.blocks) if len(self.found) < MAX_SUGGESTIONS else None
            helps = (f"did you mean {quoted(near)}?",) if near else ()
            message = f"there is no block {quoted(name)} to extend"
            return diagnostic(UNKNOWN_BLOCK, message, extends.span, helps=helps)
        if not isinstance(self.blocks[name], Mapping):
            message = f"block {quoted(name)} is a list, and has no keys to extend"
            return diagnostic(UNKNOWN_BLOCK, message, extends.span)
        if name in self.open:
            return self._cycle(extends)
        if len(self.open) > MAX_CHAIN:
            message = f"blocks extend each other through more than {MAX_CHAIN} others"
            return diagnostic(TOO_MANY, message, extends.span)
        return None

    def _cycle(self, extends: Scalar) -> Diagnostic:
        chain = [*self.open[self.open.index(extends.text) :], extends.text]
        message = f"blocks extend each other: {' -> '.join(map(quoted, chain))}"
        return Diagnostic(BLOCK_CYCLE, message, Label(extends.span))

    def _with_steps(self, block: Mapping, steps: list[Entry], *, known: bool) -> Mapping:
        do = block.get("do")
        if known and steps and do is None:
            self.found += [_belongs_in_do(key) for key, _ in steps]
            return _pretend_whole(block)
        for key, change in steps:
            do = block.get("do")
            if do is not None and has_step(do, key.text):
                block = replaced(block, "do", change_steps(do, key.text, change))
            elif known and not (do is not None and misspelt(do, key.text)):
                self.found.append(_no_such_step(key))
        return block if known else _pretend_whole(block)


def _is_step(entry: Entry) -> bool:
    name = entry[0].text
    return name not in ("do", "norm") and find_step(name) is not None


def _no_such_step(key: Scalar) -> Diagnostic:
    message = f"the block has no {quoted(key.text)} in `do` to merge this into"
    return diagnostic(NO_SUCH_STEP, message, key.span)


def _belongs_in_do(key: Scalar) -> Diagnostic:
    message = f"{quoted(key.text)} is a step: it goes into the `do` of a block"
    helps = ("only a block that `extends` another changes its steps by name",)
    return diagnostic(NO_SUCH_STEP, message, key.span, helps=helps)


def _pretend_whole(block: Mapping) -> Mapping:
    """A block whose base is not known: that is said, and that it lacks `do` is not."""
    if block.get("do") is not None:
        return block
    key = Scalar(block.span, "do", "do")
    return Mapping(block.span, (*block.entries, (key, Scalar(block.span, "norm", "norm"))))
