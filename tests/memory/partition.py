"""What a compiled step keeps, measured: the joint graph of a model and its loss, cut in two by
inductor itself, of which nothing is then compiled.

Once, by hand, GPT-2 at the sizes of test_compiled in fp32 was compiled to code: its step held 224,116
bytes in `saved_tensors`, weights and inputs aside, which is what this says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._functorch import config as functorch
from torch._inductor import config
from torch.fx import GraphModule, Node

from tests.memory.live import Sizes, drawn, labels
from tests.memory.measure import DTYPES
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory.loss import STEP
from tfspec.program.program import Precision, Style


class Cut:
    """A backend that is inductor up to the forward graph, and records what that gives to backward.

    `kept` has each storage once, whole: what made it, its dtype, and its bytes; inputs, weights and
    numbers are left out. Sizes that data decide are the rows of one expert after another: `shares`.
    """

    def __init__(self, shares: Sequence[int] = ()) -> None:
        self.shares = shares
        self.kept: list[tuple[str, str, int]] = []

    def __call__(self, graph: GraphModule, given: Sequence[Tensor]) -> Any:
        # here, for the import warns of what torch itself has deprecated
        from torch._inductor.compile_fx import compile_fx

        with (
            config.patch(fx_graph_cache=False),
            patch.object(functorch, "enable_autograd_cache", False),
        ):
            return compile_fx(graph, list(given), inner_compile=self._inner)

    def _inner(self, graph: GraphModule, given: Sequence[Any], **options: Any) -> Any:
        if not options.get("is_backward"):
            self._read(graph)
        return graph

    def _read(self, graph: GraphModule) -> None:
        (last,) = graph.graph.find_nodes(op="output")
        results: Sequence[Any] = last.args[0]
        given = {_key(node.meta["val"]) for node in graph.graph.find_nodes(op="placeholder")}
        found: dict[Any, tuple[str, str, int]] = {}
        for node in results[1:]:  # the first is the loss
            if isinstance(node, Node) and isinstance(value := node.meta["val"], Tensor):
                size = self._known(value.untyped_storage().nbytes())
                found.setdefault(_key(value), (str(node.target), str(value.dtype), size))
        self.kept = [what for key, what in found.items() if key not in given]

    def _known(self, size: int | torch.SymInt) -> int:
        if isinstance(size, int):
            return size
        expression = size.node.expr
        open_ = {each: int(each.name.removeprefix("u")) for each in expression.free_symbols}
        rows = {each: self.shares[at % len(self.shares)] for each, at in open_.items()}
        return int(expression.subs(rows))

    @property
    def bytes(self) -> int:
        return sum(size for _, _, size in self.kept)


def _key(value: Tensor) -> int:
    return value.untyped_storage()._cdata


def cut_step(spec: Architecture, sizes: Sizes, dtype: Precision, style: Style = "fast") -> Cut:
    """A step of the emitted file at these sizes, with numbers and labels drawn."""
    model = run_file(spec.emit(style=style)).build(dtype=DTYPES[dtype])
    return cut(model, drawn(spec, sizes, DTYPES[dtype]), labels(spec, sizes))


def cut(
    model: nn.Module,
    given: Sequence[Tensor],
    labels: Sequence[Tensor | None],
    shares: Sequence[int] = (),
) -> Cut:
    """A forward of model and loss in training, compiled without code."""
    names: dict[str, Any] = {}
    exec(STEP, names)
    found = Cut(shares)
    torch.compiler.reset()
    whole = torch.compile(names["loss_of"], backend=found, fullgraph=True, dynamic=False)
    whole(model.train(), tuple(given), tuple(labels))
    return found
