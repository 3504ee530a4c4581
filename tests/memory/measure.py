"""What autograd saves, measured on an emitted file: every storage once, whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

from tests.parity.running import run_file
from tfspec import zoo
from tfspec.api import Architecture
from tfspec.graph.graph import Graph
from tfspec.passes.memory.saved import Memory, saved
from tfspec.program.program import Precision, Style
from tfspec.runtime.draws import inputs
from tfspec.spec.load import load_text

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
STYLES: tuple[Style, ...] = ("fast", "explicit")


class Saved(saved_tensors_hooks):
    """The storages that backward gets, without those that are there anyway."""

    def __init__(self, known: list[Tensor]) -> None:
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.held: dict[int, tuple[int, StorageWeakRef]] = {}
        super().__init__(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:  # a weak reference keeps the address taken
            self.held.setdefault(storage._cdata, (storage.nbytes(), StorageWeakRef(storage)))
        return tensor.detach()  # a result that its own step keeps would keep itself alive

    @property
    def bytes(self) -> int:
        """Of those that are still there: what was thrown away is not."""
        return sum(count for count, kept in self.held.values() if not kept.expired())


def measured(model: nn.Module, given: Mapping[str, Tensor]) -> int:
    """Bytes that a forward in training leaves for backward."""
    hooks = Saved([*model.parameters(), *model.buffers(), *given.values()])
    with hooks:
        outputs = model.train()(**given)
    kept = hooks.bytes
    del outputs
    return kept


def cast(given: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: x.to(dtype) if x.is_floating_point() else x for name, x in given.items()}


def both(
    graph: Graph, source: str, style: Style, dtype: Precision, sizes: Mapping[str, int]
) -> tuple[int, Memory]:
    """What is measured, and what is predicted, at some sizes."""
    model = run_file(source).build(dtype=DTYPES[dtype])
    given = cast(inputs(graph, sizes, "cpu"), DTYPES[dtype])
    return measured(model, given), saved(graph, dtype=dtype, style=style, sizes=sizes)


def wrong(spec: Architecture, style: Style, seed: int = 0) -> list[str]:
    """What is predicted wrongly of a spec: at sizes of 2 and more, and at the least sizes."""
    graph, source = spec.semantics, spec.emit(style=style)
    random, found = Random(seed), list[str]()
    for least in (False, True):
        sizes = {name: domain.low for name, domain in graph.facts.domains.items()}
        for name, domain in graph.facts.domains.items():
            if not least and (domain.high is None or domain.high > domain.low):
                most = domain.high or domain.low + 8 * domain.step
                steps = min(8, (most - domain.low) // domain.step)
                sizes[name] = domain.low + domain.step * random.randint(min(1, steps), steps)
        sizes = {**graph.bindings(), **sizes}
        for dtype in DTYPES:
            seen, told = both(graph, source, style, dtype, sizes)
            if seen != told.bytes or told.size.value(sizes) != told.bytes:
                found.append(f"{dtype} at {sizes}: {told.bytes} bytes, and live {seen}")
            if told.without:
                found.append(f"{dtype}: {told.without}")
    return found


def with_dropout(name: str, sets: Mapping[str, int | str], rate: object = 0.1) -> Architecture:
    """A bundled spec with dropout wherever it can have it."""
    tree = dropped(whole(name), rate)
    tree.pop("expect", None)
    return Architecture(load_text(yaml.safe_dump(tree, sort_keys=False)), dict(sets))


def dropped(tree: dict[str, Any], rate: object = 0.1) -> dict[str, Any]:
    """A spec's tree with dropout in all of its blocks."""
    for block in tree["blocks"].values():
        if not isinstance(block, dict):
            continue
        block["residual"] = {**block.get("residual", {}), "drop_path": rate}
        if "extends" not in block:
            for knobs in _branches(block["do"]):
                knobs["dropout"] = rate
    return tree


def _branches(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The knobs of each branch, of those that are summed and of what begins a series too."""
    for step in steps:
        knobs = step[:1] if isinstance(step, list) else next(iter(step.values()))
        if isinstance(knobs, list):
            yield from _branches(knobs)
        else:
            yield knobs


def whole(name: str) -> dict[str, Any]:
    """A spec's tree with what it extends: sections merge by key, blocks by step too."""
    tree: dict[str, Any] = yaml.safe_load(zoo.path(name).read_text())
    if "extends" not in tree:
        return tree
    base = whole(tree.pop("extends"))
    blocks = tree.pop("blocks", {})
    for key, knobs in blocks.items():
        if key not in base["blocks"]:
            base["blocks"][key] = knobs
            continue
        for step, changed in knobs.items():
            found = next(s for s in base["blocks"][key]["do"] if step in s)
            found[step] = {**found[step], **changed}
    for section in ("dims", "inputs", "streams"):
        tree[section] = {**base[section], **tree.get(section, {})}
    return {**base, **tree}
