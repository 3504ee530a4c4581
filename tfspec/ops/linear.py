"""Linear maps of the features, alone or several that read one value as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import Group, Weight, WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.kernels import PRODUCT, Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import FROZEN_MAP, Keep, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Linear(Op):
    """x Wᵀ + b: [..., width_in] -> [..., width].

    `role` names the result, and lets maps with roles that read one value share a matrix;
    `ends_branch` marks the last map of a residual branch, which depth scaling shrinks. `zero`: it
    starts at 0.
    """

    reach: ClassVar[Reach] = "token"

    width: Dim
    bias: bool = True
    ends_branch: bool = False
    role: str | None = None
    zero: bool = False

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0], self.width, self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        init = 0.0 if self.zero else "residual" if self.ends_branch else "linear"
        specs = {"weight": WeightSpec((self.width, inputs[0].width), init)}
        bias = WeightSpec((self.width,), 0.0 if self.zero else "bias")
        return specs | ({"bias": bias} if self.bias else {})

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * outputs[0].elements * inputs[0].width

    def label(self) -> str:
        return "linear"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Linear", "linear", ((inputs[0].width, " → ", self.width),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        out = apply_linear(low, [node], inputs[0])
        out.hint = self.role
        return out

    def fusion(self, node: Node) -> object | None:
        return (Linear, self.bias) if self.role else None

    def joint_name(self, low: Lowering, node: Node) -> str | None:
        """What the one matrix of several is called, this node's the first; None: by all names."""
        del low, node
        return None

    def lower_fused(
        self, low: Lowering, nodes: Sequence[Node], *inputs: Value
    ) -> tuple[Value, ...]:
        joint = apply_linear(low, nodes, inputs[0], self.joint_name(low, nodes[0]))
        widths = [node.outputs[0].width for node in nodes]
        sizes = [(low.number(width, "width"), width) for width in widths]
        return joint.split(sizes, -1, [node.outputs[0].role or "x" for node in nodes])


def apply_linear(low: Lowering, nodes: Sequence[Node], x: Value, name: str | None = None) -> Value:
    """The nodes' maps of one value as one torch linear: [..., d] -> [..., rows of all weights].

    Its module is called after all of them, or `name`.
    """
    group = nodes[0].group
    assert group is not None
    width = sum((node_rows(node) for node in nodes), Dim.of(0))
    shape = (*x.shape[:-1], width)
    rows = x.merged(0, len(x.shape) - 2)
    apart = rows.storage is not x.storage
    kernel = _laid_anew(x, shape, group) if apart else PRODUCT
    module = low.own(group, lambda _: linear_member(low, nodes, x.shape[-1], width, name))
    if module is not None:
        kept = saves(Keep(rows), learns=True) if group.trained else FROZEN_MAP
        return x.fresh(ex.Call(module, (x.ref,)), shape, kept, kernel=kernel)
    weight = low.weight(group, "weight")
    kept = saves(Keep(rows, (weight,)), Keep(weight, (x,)))
    return low.torch("F.linear", x, weight, shape=shape, saves=kept, kernel=kernel)


def _laid_anew(x: Value, shape: Sequence[Dim], group: Group) -> Kernel:
    """The product of a copy that lies in order, but where the weight is frozen: then torch takes
    the rows as they lie. It adds the bias by itself."""
    copied = [product(x.shape)] if group.trained else []
    return PRODUCT.after([*copied, *([product(shape)] if "bias" in group.weights else ())])


def _rows(low: Lowering, nodes: Sequence[Node], total: Dim) -> ex.Expr:
    """The rows of all maps together; of equal maps, as so many times one's."""
    each = [low.fixed(node_rows(node)) for node in nodes]
    if len(set(each)) == 1 and each[0] is not None:
        return ex.Times(len(each), ex.Number(each[0], _role(nodes, first=False)))
    return low.number(total, "rows")


def _role(nodes: Sequence[Node], *, first: bool) -> str:
    """What a size is called where it becomes an argument: the wide side of a branch is hidden."""
    op = nodes[0].op
    ends = isinstance(op, Linear) and op.ends_branch
    return "hidden" if ends == first and len(nodes[0].inputs) == 1 else "width"


def node_rows(node: Node) -> Dim:
    assert node.group is not None
    return node.group.weights["weight"].shape[0]


def linear_member(
    low: Lowering, nodes: Sequence[Node], width_in: Dim, width_out: Dim, name: str | None = None
) -> Member:
    """nn.Linear whose rows are the nodes' weights in order, named after all of them, or `name`."""
    groups = [node.group for node in nodes if node.group is not None]
    names = [group.name for group in groups]
    name = name or ("" if all(len(n) == 1 for n in names) else "_").join(names)
    holds: dict[str, tuple[Weight, ...]] = {}
    for attribute in groups[0].weights:
        holds[attribute] = tuple(group.weights[attribute] for group in groups)
    sizes = (low.number(width_in, _role(nodes, first=True)), _rows(low, nodes, width_out))
    keywords = () if "bias" in holds else (("bias", ex.FALSE),)
    return Member(name, ex.Call(ex.Name("nn.Linear"), sizes, keywords), holds)
