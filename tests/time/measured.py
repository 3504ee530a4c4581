"""Bytes that torch moves line by line, measured on an emitted file: operands and result of each
operation that makes a new storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import tfspec
from tfspec.api import Architecture
from tfspec.graph.graph import Graph
from tfspec.passes.cost.cost import cost
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.work import work
from tfspec.passes.time.jobs import Job, Setting, jobs
from tfspec.runtime.draws import inputs
from tfspec.shadow.dtypes import Kept
from tfspec.targets import Target, find

ROWS = ("aten.embedding.", "aten.index.")
OF_A_CPU = ("aten.where.", "aten.scalar_tensor.")
"""A CPU's attention makes numbers of a mask of booleans first."""
PUT, ZEROS = "aten.index_put.", "aten.new_zeros."
CONVOLUTION = "aten.convolution_backward."


class Moves(TorchDispatchMode):
    """The bytes of each operation, by its name, and how many ran; `flags`: what is made of a mask of booleans counts
    as these."""

    def __init__(self, *, flags: bool = False) -> None:
        super().__init__()
        self.flags = flags
        self.by, self.count = Counter[str](), Counter[str]()
        self.masks: list[Tensor] = []  # held, so that no other gets their addresses

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given, made = list(_tensors((*args, *(kwargs or {}).values()))), list(_tensors([out]))
        storages = set(map(_storage, given))
        view = made and made[0].numel() and _storage(made[0]) in storages
        if str(func).startswith(CONVOLUTION):
            self.by[str(func)] += _convolution(args, out)
        elif made and not view:
            self.count[str(func)] += 1
            self.by[str(func)] += self._moved(str(func), given, made)
        if self.flags and str(func).startswith(OF_A_CPU):
            self.masks += made
        return out

    def _moved(self, name: str, given: list[Tensor], made: list[Tensor]) -> int:
        if name.startswith(ROWS):  # the indices, and as many rows as there are in the result
            return sum(map(_bytes, given[1:])) + 2 * _bytes(made[0])
        if name.startswith(ZEROS):  # it is asked for a dtype alone
            given = []
        if name.startswith(PUT):  # a watcher has torch copy what it adds rows to in place
            given, made = given[1:], []
        masks = set(map(_storage, self.masks))
        each = {id(x): x for x in given}.values()
        flags = [x for x in each if _storage(x) in masks]
        read = sum(map(_bytes, each)) - sum(
            (x.element_size() - 1) * _different(x) for x in flags
        )  # a byte a flag
        written = made if "backward" in name else made[:1]  # the rest is for a backward
        return read + sum(map(_bytes, written))

    def total(self, *without: str) -> int:
        return sum(size for name, size in self.by.items() if not name.startswith(without))


def _convolution(args: Sequence[Any], out: Sequence[Tensor | None]) -> int:
    """Each gradient that is made: the result's gradient and the other operand are read for it."""
    gradient, operand, weight = map(_bytes, args[:3])
    others = (weight, operand, 0)
    made = [(other, x) for other, x in zip(others, out, strict=True) if x is not None]
    return sum(gradient + other + _bytes(x) for other, x in made)


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, Tensor):
            yield value


def _storage(x: Tensor) -> int:
    return x.untyped_storage()._cdata


def _different(x: Tensor) -> int:
    """Its different elements: an axis of stride 0 repeats them."""
    count = 1
    for size, stride in zip(x.shape, x.stride(), strict=True):
        count *= size if stride else 1
    return count


def _bytes(x: Tensor) -> int:
    return _different(x) * x.element_size()


def forward(model: nn.Module, given: Mapping[str, Tensor], *, autocast: bool = False) -> Moves:
    region = torch.autocast("cpu", torch.bfloat16, enabled=autocast)
    with torch.no_grad(), Moves(flags=True) as moves, region:
        model.eval()(**given)
    return moves


def backward(model: nn.Module, given: Mapping[str, Tensor], *, autocast: bool = False) -> Moves:
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = model.train()(**given)
    outputs = list(out) if isinstance(out, tuple) else [out]
    gradients = [torch.randn_like(each) for each in outputs]
    with Moves() as moves:
        torch.autograd.backward(outputs, gradients)
    return moves


def sizes_of(graph: Graph) -> dict[str, int]:
    """A few steps from the least."""
    found = {}
    for name, domain in graph.facts.domains.items():
        most = domain.low + 3 * domain.step
        found[name] = most if domain.high is None else min(most, domain.high)
    return found


def given_to(graph: Graph) -> dict[str, Tensor]:
    return inputs(graph, sizes_of(graph), "cpu")


def counted(
    graph: Graph, mode: str, phase: str, without: str | None = None, dtype: Kept = "fp32"
) -> int:
    """What we say that it moves, line by line, on a CPU; `without` steps of this label."""
    values = cost(graph, bound=sizes_of(graph)).values
    found = [job for job in jobs_of(graph, mode, dtype) if job.phase == phase]
    left = [job for job in found if without not in [node.op.label() for node in job.nodes]]
    assert without is None or len(left) < len(found)
    return sum(job.bytes.value(values) for job in left)


def assert_traffic(architecture: Architecture, *dtypes: Kept) -> None:
    """That it moves the bytes that torch's operations do, forward and backward, in each dtype."""
    graph, model = architecture.semantics, tfspec.build(architecture)
    given = given_to(graph)
    for dtype in dtypes:
        autocast = dtype == "mixed"
        there = forward(model, given, autocast=autocast)
        back = backward(model, given, autocast=autocast)
        assert there.total() == counted(graph, "forward", "forward", dtype=dtype), dtype
        told = counted(graph, "train", "backward", dtype=dtype)
        assert back.total("aten.clone.") == told, dtype


def jobs_of(graph: Graph, mode: str, dtype: Kept, named: str = "cpu") -> list[Job]:
    """Its jobs line by line."""
    target = find(named)
    assert isinstance(target, Target)
    counts = Counts(graph)
    done = work(graph, counts.shapes(lambda tensor: tensor.shape))
    return jobs(graph, done, Setting(target, dtype, mode, compiled=False))
