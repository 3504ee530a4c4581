"""The peak of a step, measured: every storage that an op hands out, while it is alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.memory.measure import DTYPES, cast
from tests.memory.routed import balanced
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory.checkpointing import Checkpoint, checkpointed
from tfspec.passes.memory.loss import STEP
from tfspec.passes.memory.peak import peak
from tfspec.passes.memory.saved import saved
from tfspec.program.program import Precision, Style
from tfspec.runtime.draws import inputs
from tfspec.shadow import run as stand_in
from tfspec.shadow.machine import Machine


class Live(TorchDispatchMode):
    """Bytes alive, each storage once and whole; `known` ones are there anyway.

    `between` are those after the loss; `log` has what each op made, in order: its name, the bytes, and all that then were alive.
    """

    def __init__(self, known: Sequence[Tensor], block: int = 1) -> None:
        super().__init__()
        self.block = block
        self.now = self.peak = 0
        self.between = 0  # the loss
        self.log: list[tuple[str, int, int]] = []
        self.seen = {each.untyped_storage()._cdata for each in known}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in tree_leaves(out):
            if isinstance(each, Tensor):
                self._meet(str(func), each.untyped_storage())
        return out

    def _meet(self, name: str, storage: Any) -> None:
        key = storage._cdata
        if key in self.seen:
            return
        size = -(-storage.nbytes() // self.block) * self.block
        self.seen.add(key)
        self.log.append((name, size, self.now + size))
        self.now += size
        if self.now > self.peak:
            self.peak = self.now
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def lived(
    model: nn.Module,
    given: Sequence[Tensor],
    labels: Sequence[Tensor | None],
    block: int = 1,
    *,
    autocast: bool = False,
) -> Live:
    """One training step, of the loss that is told of, at whatever routing. The first under a mode
    leaves garbage, so that one runs before."""
    names: dict[str, Any] = {}
    exec(STEP, names)
    targets = [label for label in labels if label is not None]
    known = [*model.parameters(), *model.buffers(), *given, *targets]
    live = Live(known, block)
    for mode in (Live(known, block), live):
        with mode:
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = names["loss_of"](model.train(), given, labels)
            mode.between = mode.now
            loss.backward()
        del loss
        model.zero_grad(set_to_none=True)
    return live


def inferred(
    model: nn.Module, given: Sequence[Tensor], block: int = 1, *, autocast: bool = False
) -> Live:
    """One forward without gradients."""
    known = [*model.parameters(), *model.buffers(), *given]
    live = Live(known, block)
    for mode in (Live(known, block), live):
        region = torch.autocast("cpu", torch.bfloat16, enabled=autocast)
        with mode, torch.no_grad(), region:
            outputs = model.eval()(*given)
        del outputs
    return live


Sizes = Mapping[str, int]


def small_sizes(spec: Architecture) -> dict[str, int]:
    """Small sizes, all as different as they may be, for dims that vary."""
    graph, found = spec.semantics, dict[str, int]()
    for at, (name, domain) in enumerate(graph.facts.domains.items()):
        steps = 3 + at if domain.step == 1 else 0
        size = domain.low + domain.step * steps
        found[name] = size if domain.high is None else min(size, domain.high)
    return {**graph.bindings(), **found}


def drawn(spec: Architecture, sizes: Sizes, dtype: torch.dtype) -> list[Tensor]:
    """Inputs in the order of the model's parameters: flags, which may be left out, come last."""
    given = cast(inputs(spec.semantics, sizes, "cpu"), dtype)
    order = sorted(spec.semantics.inputs, key=lambda tensor: tensor.kind == "bool")
    return [given[tensor.role or ""] for tensor in order]


def labels(spec: Architecture, sizes: Sizes) -> list[Tensor | None]:
    return [
        torch.zeros([size.value(sizes) for size in tensor.shape[:-1]], dtype=torch.long)
        if tensor.kind == "float"
        else None
        for tensor in spec.semantics.outputs.values()
    ]


def curve(machine: Machine) -> list[tuple[str, int, int]]:
    """What the stand-in made, in order: the op, the bytes, and all that then were alive."""
    gone: dict[int, int] = {}
    found: list[tuple[str, int, int]] = []
    now = 0
    for record in machine.records:
        gone[record.died] = gone.get(record.died, 0) + machine.rounded(record.bytes)
    for record in machine.records:
        now += machine.rounded(record.bytes) - gone.get(record.born - 1, 0)
        found.append((record.op, machine.rounded(record.bytes), now))
    return found


def differences(
    spec: Architecture,
    style: Style,
    dtype: Precision,
    sizes: Sizes | None = None,
    checkpoint: Checkpoint = "none",
    given: Sequence[Tensor] | None = None,
) -> list[str]:
    """Where the stand-in's step is not torch's: tensor by tensor, and in the sums that are told."""
    sizes = small_sizes(spec) if sizes is None else sizes
    plain = spec.emit(style=style)
    source = checkpointed(plain, checkpoint)
    model = run_file(source).build(dtype=DTYPES[dtype])
    given = drawn(spec, sizes, DTYPES[dtype]) if given is None else given
    with balanced():
        live = lived(model, given, labels(spec, sizes))
    machine = Machine(dispatch=True)
    between = stand_in.train(stand_in.ready(spec.semantics, source, sizes, dtype, machine))
    how = {"dtype": dtype, "style": style, "sizes": sizes}
    told = peak(spec.semantics, **how, checkpoint=checkpoint, dispatch=True)
    found = against(live, machine)
    found += unequal("between", live.between, between) + unequal("saved", between, told.saved)
    found += unequal("peak", live.peak, told.bytes)
    found += unequal("the kinds", told.bytes, sum(told.kinds.values()))
    machine = Machine()
    outputs = stand_in.forward(stand_in.ready(spec.semantics, plain, sizes, dtype, machine))
    kept = sum(record.bytes for record in stand_in.saved(stand_in.graph_of(outputs)))
    return found + unequal("kept by the formula", saved(spec.semantics, **how).bytes, kept)


def against(live: Live, machine: Machine) -> list[str]:
    """The first places at which a run of torch and one of the stand-in part."""
    told = curve(machine)
    pairs = [
        f"{at}: {seen}, not {found}"
        for at, (seen, found) in enumerate(zip(live.log, told, strict=False))
        if seen[1:] != found[1:]
    ]
    return pairs[:3] + unequal("tensors made", len(live.log), len(told))


def unequal(what: str, seen: int, told: int) -> list[str]:
    return [] if seen == told else [f"{what}: {seen}, not {told}"]


def allocated(step: Callable[[], object]) -> int:
    """The peak of what the CPU's allocator hands out during a step, by torch's profiler."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    results = profiled.profiler
    assert results is not None
    assert results.kineto_results is not None
    todo, sizes = list(results.kineto_results.experimental_event_tree()), list[tuple[int, int]]()
    while todo:
        event = todo.pop()
        todo += event.children
        if event.name == "[memory]":
            sizes.append((event.start_time_ns, event.extra_fields.alloc_size))
    sizes.sort(key=lambda pair: pair[0])
    return max(accumulate(size for _, size in sizes))
