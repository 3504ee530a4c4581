"""torch.autocast: which functions cast what they are given, and the copies of weights it holds.

The lists are those of ATen's autocast_mode.h, for functions that an emitted file calls. A listed
function runs without autocast inside. A weight in fp32 is cast once, and its copy stays until the
region ends; everything else is cast at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal

from tfspec.shadow.autograd import Leaf
from tfspec.shadow.dtypes import FLOAT32, FLOAT64, Dtype, promoted
from tfspec.shadow.machine import Device, Machine
from tfspec.shadow.pointwise import to
from tfspec.shadow.tensor import Tensor

Function = Callable[..., Any]
Way = Literal["lower", "full", "widest"]
_LISTED: dict[Function, tuple[Way, tuple[Device, ...]]] = {}


@contextmanager
def region(machine: Machine, dtype: Dtype | None) -> Generator[None]:
    """Autocast to a dtype, or none. The outermost region lets the copies of weights go."""
    before, machine.autocast = machine.autocast, dtype
    try:
        yield
    finally:
        machine.autocast = before
        if before is None:
            machine.copies.clear()


def way(function: Function, device: Device) -> Way | None:
    """What a function casts to on a device: the lower precision, fp32, or what is widest."""
    found, devices = _LISTED.get(function, (None, ()))
    return found if device in devices else None


def lowered(function: Function) -> Function:
    """It casts to the lower precision, its last argument first."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        machine = _machine(args)
        if machine.autocast is None:
            return function(*args, **options)
        dtype = machine.autocast
        named = {name: _cast(x, dtype) for name, x in reversed(options.items())}
        given = [_cast(x, dtype) for x in reversed(args)]
        return _inside(machine, function, given[::-1], named)

    _LISTED[call] = "lower", ("cpu", "cuda")
    return call


def in_full(*devices: Device) -> Callable[[Function], Function]:
    """It casts to fp32, on these devices."""

    def decorated(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            machine = _machine(args)
            if machine.autocast is None or machine.device not in devices:
                return function(*args, **options)
            given = [_cast(x, FLOAT32) for x in reversed(args)]
            return _inside(machine, function, given[::-1], options)

        _LISTED[call] = "full", devices
        return call

    return decorated


def widest(function: Function) -> Function:
    """It casts a list of tensors to the widest of them: on a CPU, for it promotes elsewhere."""

    @wraps(function)
    def call(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
        machine = _machine(tensors)
        if machine.autocast is None or machine.device != "cpu":
            return function(tensors, dim)
        dtype = machine.autocast
        for x in tensors:
            dtype = promoted(dtype, x.dtype) if _casts(x) else dtype
        given = [_cast(x, dtype) for x in tensors]
        return _inside(machine, function, (given, dim), {})

    _LISTED[call] = "widest", ("cpu",)
    return call


def _machine(args: Sequence[Any]) -> Machine:
    return next(x.machine for x in args if isinstance(x, Tensor))


def _inside(
    machine: Machine, function: Function, args: Sequence[Any], options: dict[str, Any]
) -> Any:
    before, machine.autocast = machine.autocast, None
    try:
        return function(*args, **options)
    finally:
        machine.autocast = before


def _casts(x: Tensor) -> bool:
    return x.dtype.is_floating_point and x.dtype is not FLOAT64


def _cast(x: Any, dtype: Dtype) -> Any:
    if not isinstance(x, Tensor) or not _casts(x) or x.dtype is dtype:
        return x
    weight = isinstance(x.node, Leaf) and not x.is_view and x.dtype is FLOAT32
    if not weight:
        return to(x, dtype)
    copies = x.machine.copies
    if id(x) not in copies:
        copies[id(x)] = to(x, dtype)
    return copies[id(x)]
