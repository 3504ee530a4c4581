"""Weights between semantic names and the state dict of the emitted file.

State-dict names. Every weight of the graph has a semantic name, whatever the target and the style:
the path of its scopes, the name of its step, and `weight`, `bias` or nothing for a bare parameter,
as in `blocks.0.attention.q.weight`, `pos` or `words.weight`. Layers of a stack are numbered from 0.
Shared weights stand once, at the root, under the name of their share.

The emitted file joins maps that read one value into one matrix (`qkv`, `kv`, `gate_up`): the rows
of its parts stand in the order of the name. All other names are the semantic ones. In the
explicit style nothing is joined, so its state dict has the semantic names themselves.
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


Layout = dict[str, tuple[Part, ...]]
"""Names of the emitted file's state dict, each with the weights that it stacks along axis 0."""


class WrongWeights(ValueError):
    """Weights that do not fit: a name that is missing or unknown, or a wrong shape."""


def layout(program: Program) -> Layout:
    """Every entry of the emitted file's state dict, in order of execution."""
    return dict(_entries(program, program.graph.scope, ""))


def pack(program: Program, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the emitted file from weights by semantic name. Raises WrongWeights."""
    entries = layout(program)
    parts = {part.name: part.shape for stacked in entries.values() for part in stacked}
    _check({name: tuple(tensor.shape) for name, tensor in tensors.items()}, parts)
    return {
        name: _joined([tensors[part.name] for part in stacked]) for name, stacked in entries.items()
    }


def unpack(program: Program, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by semantic name from a state dict of the emitted file. Raises WrongWeights.

    Parts of a joined matrix are views of it.
    """
    entries = layout(program)
    wanted = {name: joint_shape(stacked) for name, stacked in entries.items()}
    _check({name: tuple(tensor.shape) for name, tensor in state.items()}, wanted)
    found: dict[str, Tensor] = {}
    for name, stacked in entries.items():
        start = 0
        for part in stacked:
            alone = len(stacked) == 1
            found[part.name] = state[name] if alone else state[name][start : start + part.shape[0]]
            start += 0 if alone else part.shape[0]
    return found


def joint_shape(stacked: tuple[Part, ...]) -> tuple[int, ...]:
    """The shape of weights stacked along their first axis."""
    first = stacked[0].shape
    return (sum(part.shape[0] for part in stacked), *first[1:]) if len(stacked) > 1 else first


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]


def _entries(program: Program, scope: Scope, prefix: str) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """The entries of one copy of a scope, whose modules are named from `prefix` on."""
    for member in program.members.get(scope, {}).values():
        for attribute, weights in member.holds.items():
            parts = tuple(_part(program, prefix, weight) for weight in weights)
            yield _dotted(prefix, member.name, attribute), parts
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
