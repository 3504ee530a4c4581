"""A value of the reference: numbers over batch axes and named parts; and how an input is laid out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tests.fuzz.reference.numbers import Fails

AxisSizes = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Val:
    """`data` [batch..., tokens, width], also where there is one token; ids have no width."""

    data: Tensor
    batch: tuple[str, ...]
    parts: tuple[tuple[str, AxisSizes], ...]
    raw: Tensor | None = None
    apart: tuple[Tensor, ...] = ()
    """Each part's numbers where their widths differ; `data` has all of them in a line."""

    @property
    def single(self) -> bool:
        return len(self.parts) == 1 and not self.parts[0][1]

    @property
    def width(self) -> int:
        return self.data.shape[-1]

    def lengths(self) -> list[int]:
        return [int(torch.tensor([n for _, n in axes]).prod()) for _, axes in self.parts]

    def cut(self, name: str) -> Val:
        """One part."""
        names = [part for part, _ in self.parts]
        if name not in names:
            raise Fails(f"no part {name}")
        at = names.index(name)
        if self.apart:
            return Val(self.apart[at], self.batch, (self.parts[at],))
        lengths = self.lengths()
        start = sum(lengths[:at])
        axis = len(self.batch)
        return Val(self.data.narrow(axis, start, lengths[at]), self.batch, (self.parts[at],))

    def of(self, data: Tensor) -> Val:
        return Val(data, self.batch, self.parts)

    def fits(self, other: Val) -> None:
        """Both have the same tokens."""
        axes, others = ([a for _, a in value.parts] for value in (self, other))
        alike = self.batch in (other.batch, ()) or other.batch == ()
        alike = alike and axes == others
        if not alike and self.data.shape[:-1] != other.data.shape[:-1]:
            raise Fails("different tokens")


def together(values: list[Val]) -> Val:
    """Parts one after the other; values without batch axes are repeated along them."""
    most = max(values, key=lambda value: len(value.batch))
    shape = most.data.shape[: len(most.batch)] if not most.apart else most.apart[0].shape[:-2]

    def rows(of: list[Val]) -> list[Tensor]:
        return [v.data if v.batch else v.data.expand(*shape, *v.data.shape) for v in of]

    parts = sum((v.parts for v in values), ())
    if any(v.apart for v in values) or len({v.width for v in values}) > 1:
        each = rows([v.cut(name) for v in values for name, _ in v.parts])
        return Val(
            torch.cat([row.reshape(-1) for row in each]), most.batch, parts, apart=tuple(each)
        )
    return Val(torch.cat(rows(values), len(most.batch)), most.batch, parts)


def layout(text: str) -> tuple[str, list[str]]:
    """The kind of an input and its axes: `ids((C + 2)) B T` has B and T."""
    if text.startswith("ids"):
        return "ids", joined(text[closing(text) + 1 :].split())
    kind, *words = text.split()
    return kind, joined(words)


def closing(text: str) -> int:
    """Where the first parenthesis of a text ends."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return at
    raise Fails("an open parenthesis")


SIGNS = {"+", "-", "*", "/", "//", "%"}


def joined(words: list[str]) -> list[str]:
    """Words of one parenthesis, or of one sum or quotient, as one: `(a + b)`, `a / 2`."""
    found: list[str] = []
    for word in words:
        open_ = found and found[-1].count("(") > found[-1].count(")")
        if open_ or (found and {word, found[-1].split()[-1]} & SIGNS):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
