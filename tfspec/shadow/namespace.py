"""What `import torch` gives to an emitted file: the vocabulary, on one machine."""

from __future__ import annotations

import builtins
import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from tfspec.shadow.checkpoint import checkpoint
from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, NAMED, Dtype
from tfspec.shadow.machine import Machine, Unpriced
from tfspec.shadow.modules import layers, parameter
from tfspec.shadow.strides import Ints
from tfspec.shadow.tensor import Parameter, Tensor, place
from tfspec.shadow.views import spread
from tfspec.shadow.vocabulary import DRAWN, FUNCTIONAL, TORCH, Function


class Space:
    """A module of the stand-in: what it has not is refused by name."""

    def __init__(self, path: str, names: Mapping[str, Any]) -> None:
        self.path = path
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unpriced(f"{self.path}.{name}")


def torch_of(machine: Machine) -> Space:
    """The top-level package, on this machine."""
    init = Space("nn.init", dict.fromkeys(DRAWN, _drawn))
    nn = Space("nn", {
        **layers(machine), "functional": Space("F", FUNCTIONAL), "init": init, "Parameter": _weight,
    })  # fmt: skip
    benchmark = Space("torch.utils.benchmark", {"Timer": None})
    again = Space("torch.utils.checkpoint", {"checkpoint": checkpoint})
    utils = Space("torch.utils", {"benchmark": benchmark, "checkpoint": again})
    return Space("torch", {
        **TORCH, **NAMED, **_factories(machine), "nn": nn, "utils": utils, "pi": math.pi,
        "inf": math.inf, "Tensor": Tensor, "no_grad": machine.without_grad, "device": _on,
    })  # fmt: skip


def _drawn(tensor: Tensor, *_: object, **__: object) -> Tensor:
    """Numbers are drawn in place."""
    return tensor


def _weight(x: Tensor) -> Parameter:
    return parameter(x.machine, x.shape, x.dtype)


@contextmanager
def _on(_: object) -> Generator[None]:
    """A device: the machine is what it is."""
    yield


def _factories(machine: Machine) -> dict[str, Function]:
    """Functions that make tensors of nothing."""

    def filled(op: str) -> Function:
        def call(*size: Any, dtype: Dtype = FLOAT32, device: object = None) -> Tensor:
            return place(machine, op, spread(size), dtype)

        return call

    def full(size: Sequence[int], value: object, dtype: Dtype = FLOAT32, **_: object) -> Tensor:
        return place(machine, "full", tuple(size), dtype, by=value)

    def arange(*bounds: Any, dtype: Dtype | None = None, device: object = None) -> Tensor:
        whole = all(isinstance(bound, int) for bound in bounds)
        start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        size = math.ceil((stop - start) / step)
        return place(machine, "arange", (size,), dtype or (INT64 if whole else FLOAT32), by=bounds)

    def tensor(data: Any, dtype: Dtype | None = None, device: object = None) -> Tensor:
        shape, kind = _measured(data)
        return place(machine, "tensor", shape, dtype or kind, by=repr(data))

    names = ("zeros", "ones", "empty", "randn", "rand")
    return {name: filled(name) for name in names} | {
        "full": full, "arange": arange, "tensor": tensor,
    }  # fmt: skip


def _measured(data: Any) -> tuple[Ints, Dtype]:
    """The shape and dtype of nested lists."""
    if isinstance(data, bool | int | float):
        return (), BOOL if isinstance(data, bool) else INT64 if isinstance(data, int) else FLOAT32
    members = cast(Sequence[object], data)
    inner, dtype = _measured(members[0])
    return (len(members), *inner), dtype


def importing(machine: Machine) -> Mapping[str, Any]:
    """Builtins in which torch is the stand-in; everything else is as it is."""
    torch = torch_of(machine)

    def load(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        root, *path = name.split(".")
        if root != "torch":
            return builtins.__import__(name, globals, locals, fromlist, level)
        found: Any = torch
        for each in path if fromlist else ():
            found = getattr(found, each)
        return found

    return {**vars(builtins), "__import__": load}
