"""Weights between semantic names and the state dict of the emitted file.

State-dict names. Every weight of the graph has a semantic name, whatever the target and the style:
the path of its scopes, the name of its step, and `weight`, `bias` or nothing for a bare parameter,
as in `blocks.0.attention.q.weight`, `pos` or `words.weight`. Layers of a stack are numbered from 0.
Shared weights stand once, at the root, under the name of their share.

The emitted file joins maps that read one value into one matrix (`qkv`, `kv`, `gate_up`): the rows
of its parts stand in the order of the name, of stacks of experts [E, rows, d] in each matrix. All
other names are the semantic ones. In the explicit style nothing is joined, so its state dict has
the semantic names themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tfspec.graph.scope import Scope, Weight
from tfspec.program.program import Program
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Part:
    """One weight of the graph: its semantic name and its shape [rows, ...]."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Joint:
    """What one entry of a state dict holds: weights, in order along an axis."""

    parts: tuple[Part, ...]
    axis: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        first = self.parts[0].shape
        if len(self.parts) == 1:
            return first
        rows = sum(part.shape[self.axis] for part in self.parts)
        return (*first[: self.axis], rows, *first[self.axis + 1 :])


Layout = dict[str, Joint]
"""Names of the emitted file's state dict, each with the weights that it holds."""


class WrongWeights(ValueError):
    """Weights that do not fit: a name that is missing or unknown, or a wrong shape."""


def layout(program: Program) -> Layout:
    """Every entry of the emitted file's state dict, in order of execution."""
    return dict(_entries(program, program.graph.scope, ""))


def pack(program: Program, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the emitted file from weights by semantic name. Raises WrongWeights."""
    entries = layout(program)
    parts = {part.name: part.shape for joint in entries.values() for part in joint.parts}
    _check({name: tuple(tensor.shape) for name, tensor in tensors.items()}, parts)
    return {name: _joined(joint, tensors) for name, joint in entries.items()}


def unpack(program: Program, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by semantic name from a state dict of the emitted file. Raises WrongWeights.

    Parts of a joined matrix are views of it.
    """
    entries = layout(program)
    wanted = {name: joint.shape for name, joint in entries.items()}
    _check({name: tuple(tensor.shape) for name, tensor in state.items()}, wanted)
    found: dict[str, Tensor] = {}
    for name, joint in entries.items():
        if len(joint.parts) == 1:
            found[joint.parts[0].name] = state[name]
            continue
        start = 0
        for part in joint.parts:
            rows = part.shape[joint.axis]
            found[part.name] = state[name].narrow(joint.axis, start, rows)
            start += rows
    return found


def _joined(joint: Joint, tensors: Mapping[str, Tensor]) -> Tensor:
    parts = [tensors[part.name] for part in joint.parts]
    return torch.cat(parts, joint.axis) if len(parts) > 1 else parts[0]


def _entries(program: Program, scope: Scope, prefix: str) -> Iterator[tuple[str, Joint]]:
    """The entries of one copy of a scope, whose modules are named from `prefix` on."""
    for member in program.members.get(scope, {}).values():
        for attribute, weights in member.holds.items():
            parts = tuple(_part(program, prefix, weight) for weight in weights)
            yield _dotted(prefix, member.name, attribute), Joint(parts, member.axis)
        for child in member.children:
            head = _dotted(prefix, member.name) if member.kind == "list" else prefix
            for name in child.names(lambda size: number(program, size)):
                yield from _entries(program, child, _dotted(head, name))


def _part(program: Program, prefix: str, weight: Weight) -> Part:
    name = _dotted(prefix, weight.group.name, weight.attribute)
    return Part(name, tuple(number(program, size) for size in weight.shape))


def number(program: Program, size: Dim) -> int:
    """A size of weights, which the checks have shown to be one number."""
    value = program.graph.facts.value(size)
    assert value is not None, f"weights are made of {size}, which is not fixed"
    return value


def _dotted(*names: str) -> str:
    return ".".join(filter(None, names))


def _check(given: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    missing, unknown = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    if missing:
        raise WrongWeights(f"no weights are given for {_listed(missing)}")
    if unknown:
        raise WrongWeights(f"the model has no weights {_listed(unknown)}")
    for name, shape in wanted.items():
        if given[name] != shape:
            raise WrongWeights(f"{name} is {list(given[name])}, and the model has {list(shape)}")


def _listed(names: set[str]) -> str:
    first = sorted(names)[:5]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(first) + more
