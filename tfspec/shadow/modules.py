"""torch.nn of the stand-in: modules that hold weights, and call what they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from tfspec.shadow.dtypes import FLOAT32, Dtype
from tfspec.shadow.joining import embedding
from tfspec.shadow.machine import Machine, Record, Storage, Unpriced
from tfspec.shadow.norms import layer_norm, rms_norm
from tfspec.shadow.products import conv, linear
from tfspec.shadow.strides import Ints, dense, numel
from tfspec.shadow.tensor import Parameter, Tensor


def parameter(machine: Machine, shape: Ints, dtype: Dtype = FLOAT32) -> Parameter:
    """A weight: a known storage, and a leaf of autograd, until it is told to need no gradient."""
    storage = Storage(machine, Record("weight", numel(shape), dtype, True, ()))
    return Parameter(storage, shape, dense(shape), dtype).requires_grad_()


class Module:
    """Attributes are plain: weights, buffers and modules are found by what they are."""

    machine: ClassVar[Machine]
    training = True

    def __init__(self) -> None:
        self._tables: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """This frame holds its arguments until it returns, as torch's does."""
        machine, outer = self.machine, self.machine.module
        machine.module = self
        try:
            return self.forward(*args, **kwargs)
        finally:
            machine.module = outer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unpriced(f"nn.Module.{name}")

    def register_buffer(self, name: str, tensor: Tensor, persistent: bool = True) -> None:
        setattr(self, name, tensor)
        self._tables.append(name)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Each once, under the first of its names."""
        found: set[int] = set()
        todo = [(prefix, self)]
        while todo:
            name, module = todo.pop()
            if id(module) in found:
                continue
            found.add(id(module))
            yield name, module
            inner = [(f"{name}.{at}" if name else at, child) for at, child in module.children()]
            todo += inner[::-1]

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def children(self) -> list[tuple[str, Module]]:
        return [(name, x) for name, x in vars(self).items() if isinstance(x, Module)]

    def parameters(self) -> Iterator[Parameter]:
        found: dict[int, Parameter] = {}
        for module in self.modules():
            found.update({id(x): x for x in vars(module).values() if isinstance(x, Parameter)})
        return iter(found.values())

    def to(self, *_: object, dtype: Dtype | None = None, device: object = None) -> Module:
        """Weights and tables of floats in another dtype; shared ones stay shared."""
        moved: dict[int, Parameter] = {}
        if dtype is None:
            return self
        for module in self.modules():
            for name, x in list(vars(module).items()):
                if isinstance(x, Parameter):
                    if id(x) not in moved:
                        made = parameter(x.machine, x.shape, dtype)
                        moved[id(x)] = made.requires_grad_(x.node is not None)
                    setattr(module, name, moved[id(x)])
                elif isinstance(x, Tensor) and x.dtype.is_floating_point:
                    storage = Storage(x.machine, Record("table", numel(x.shape), dtype, True, ()))
                    setattr(module, name, Tensor(storage, x.shape, dense(x.shape), dtype))
        return self

    def train(self, mode: bool = True) -> Module:
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        return self.train(False)

    def requires_grad_(self, needs: bool = True) -> Module:
        for weight in self.parameters():
            weight.requires_grad_(needs)
        return self


class ModuleList(Module):
    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.members = list(modules)

    def children(self) -> list[tuple[str, Module]]:
        return [(str(at), module) for at, module in enumerate(self.members)]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, at: int) -> Module:
        return self.members[at]


class Linear(Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = parameter(self.machine, (out_features, in_features))
        self.bias = parameter(self.machine, (out_features,)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


class Embedding(Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = parameter(self.machine, (num_embeddings, embedding_dim))

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight)


class LayerNorm(Module):
    def __init__(
        self, shape: Any, eps: float = 1e-05, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.weight = parameter(self.machine, self.shape) if elementwise_affine else None
        self.bias = parameter(self.machine, self.shape) if elementwise_affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.shape, self.weight, self.bias)


class RMSNorm(Module):
    def __init__(
        self, shape: Any, eps: float | None = None, elementwise_affine: bool = True
    ) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.weight = parameter(self.machine, self.shape) if elementwise_affine else None

    def forward(self, input: Tensor) -> Tensor:
        return rms_norm(input, self.shape, self.weight)


class Conv(Module):
    """Conv1d, Conv2d and Conv3d."""

    axes: ClassVar[int]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel, self.stride = self._each(kernel_size), self._each(stride)
        self.padding = padding
        self.weight = parameter(self.machine, (out_channels, in_channels, *self.kernel))
        self.bias = parameter(self.machine, (out_channels,)) if bias else None

    def _each(self, size: Any) -> Ints:
        return (size,) * self.axes if isinstance(size, int) else tuple(size)

    def forward(self, input: Tensor) -> Tensor:
        return conv(input, self.weight, self.bias, self.stride, self.padding)


LAYERS: dict[str, type[Module]] = {
    "Module": Module, "ModuleList": ModuleList, "Linear": Linear, "Embedding": Embedding,
    "LayerNorm": LayerNorm, "RMSNorm": RMSNorm,
}  # fmt: skip


CALLS = {
    "Linear": linear, "Embedding": embedding, "LayerNorm": layer_norm, "RMSNorm": rms_norm,
    "Conv1d": conv, "Conv2d": conv, "Conv3d": conv,
}  # fmt: skip
"""The function that a module stands for."""


def layers(machine: Machine) -> dict[str, type[Module]]:
    """The classes of torch.nn, on this machine."""
    bound: dict[str, Any] = {
        name: type(name, (each,), {"machine": machine}) for name, each in LAYERS.items()
    }
    for axes in (1, 2, 3):
        bound[f"Conv{axes}d"] = type(f"Conv{axes}d", (Conv,), {"machine": machine, "axes": axes})
    return bound
