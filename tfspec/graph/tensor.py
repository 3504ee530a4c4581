"""Symbolic tensors: named axes, and the token space that the rows mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from tfspec.graph.space import Axis, Space
from tfspec.symbolic import Dim, product

Kind = Literal["float", "ids", "bool"]


@dataclass(eq=False)
class Tensor:
    """A value of the graph, compared by identity.

    `axes` are in memory order: batch axes, the flattened tokens, then features. A model's input
    may keep its own order (an image is [B, 3, H, W]); `raw` says so, and layers ask for rows.
    `widths`: of each part, where they differ; the parts lie in tensors of their own, and there is
    no feature axis.
    """

    axes: tuple[Axis, ...]
    space: Space
    kind: Kind = "float"
    role: str | None = None
    raw: bool = False
    vocabulary: Dim | None = None
    unknown: bool = field(default=False)
    widths: tuple[Dim, ...] = ()
    of: Tensor | None = None
    """The tensor that this one shows under other part names; it is what nodes hold."""

    @property
    def original(self) -> Tensor:
        return self.of or self

    def renamed(self, part: str) -> Tensor:
        """The same values, their one part under another name."""
        space = self.space.with_parts(replace(self.space.parts[0], name=part))
        return replace(self, space=space, of=self.original)

    def given(self, role: str) -> Tensor:
        """The same value inside a module, by the role that it has there."""
        return Tensor(
            self.axes, self.space, self.kind, role, self.raw, self.vocabulary, self.unknown,
            self.widths,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[Dim, ...]:
        return tuple(axis.size for axis in self.axes)

    @property
    def shapes(self) -> tuple[tuple[Dim, ...], ...]:
        """The shape of each part, where their widths differ; else the one of all."""
        return tuple(piece.shape for piece in self.pieces) if self.widths else (self.shape,)

    @property
    def elements(self) -> Dim:
        if self.widths:
            return sum((piece.elements for piece in self.pieces), Dim.of(0))
        return product(self.shape)

    @property
    def pieces(self) -> tuple[Tensor, ...]:
        """The tensor of each part, where their widths differ."""
        pairs = zip(self.space.parts, self.widths, strict=True)
        return tuple(over(self.space.with_parts(p), features(w), role=p.name) for p, w in pairs)

    @property
    def width(self) -> Dim:
        """The size of the feature axis."""
        assert not self.widths, "no width is that of all parts"
        return self.axes[-1].size

    @property
    def each_width(self) -> tuple[Dim, ...]:
        """The width of each part, where they differ; else the one of all."""
        return self.widths or (self.width,)

    @property
    def rows(self) -> Dim:
        """How many feature vectors the value holds."""
        return product(self.shape if self.widths else self.shape[:-1])


def over(space: Space, *features: Axis, role: str | None = None) -> Tensor:
    """A float tensor of one feature vector a token: [batch..., tokens, features...]."""
    return Tensor((*space.batch, *space.token_axes, *features), space, role=role)


def features(width: Dim | int) -> Axis:
    return Axis("width", Dim.of(width))


def like(tensor: Tensor, width: Dim | None = None, role: str | None = None) -> Tensor:
    """The same rows, maybe of another width."""
    axes = tensor.axes if width is None else (*tensor.axes[:-1], features(width))
    return Tensor(axes, tensor.space, role=role)


UNKNOWN = Tensor((), Space((), ()), unknown=True)
