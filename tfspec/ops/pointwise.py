"""One value an element: activations, sums, products, scales and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.factor_look import factor
from tfspec.graph.look import Knob, Look, chip, plain, sign
from tfspec.graph.rates import Rate
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program import rates
from tfspec.program.kernels import Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.saves import LINEAR, Keep, Made, Result, Saves, product_of, saves
from tfspec.program.value import Value
from tfspec.spec.expression import RateExpr
from tfspec.symbolic import Dim, product

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu2", "tanh", "sigmoid")

_SPELT = {
    "relu": "ReLU",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
    "quick_gelu": "quick GELU",
    "silu": "SiLU",
    "relu2": "ReLU²",
}


def spelt(activation: str) -> str:
    """An activation's name as papers write it."""
    return _SPELT.get(activation, activation)


class Pointwise(Op):
    """What pointwise ops have in common is only that products are not matrix products."""

    reach: ClassVar[Reach] = "token"

    def infer(self, *inputs: Tensor) -> Tensor:
        first = inputs[0]
        return Tensor(first.axes, first.space)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # nothing is learned

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # pointwise: counted in bytes


@dataclass(frozen=True)
class Activation(Pointwise):
    """GELU, exact or by tanh (Hendrycks and Gimpel 2016), quick GELU x·sigmoid(1.702·x), ..."""

    kind: str

    def label(self) -> str:
        return self.kind

    def look(self, *inputs: Tensor) -> Look:
        return chip(spelt(self.kind))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        name = ex.Name
        forms = {
            "gelu": lambda: ex.Call(name("F.gelu"), (x.ref,)),
            "gelu_tanh": lambda: ex.Call(
                name("F.gelu"), (x.ref,), (("approximate", name('"tanh"')),)
            ),
            "relu": lambda: ex.Call(name("F.relu"), (x.ref,)),
            "silu": lambda: ex.Call(name("F.silu"), (x.ref,)),
            "tanh": lambda: ex.Call(name("torch.tanh"), (x.ref,)),
            "sigmoid": lambda: ex.Call(name("torch.sigmoid"), (x.ref,)),
            "relu2": lambda: ex.Call(ex.Attribute(ex.Call(name("F.relu"), (x.ref,)), "square")),
            "quick_gelu": lambda: self._quick(x),
        }
        return x.pointwise(forms[self.kind](), self._saves(x))

    def _saves(self, x: Value) -> Saves:
        """What its derivative is written in: the input, the output, or a step between."""
        between = Made("between", product(x.shape))
        forms = {
            **dict.fromkeys(("gelu", "gelu_tanh", "silu"), (Keep(x),)),
            **dict.fromkeys(("relu", "tanh", "sigmoid"), (Result(),)),
            "relu2": (between,),
            "quick_gelu": (Keep(x), between),
        }
        return saves(*forms[self.kind])

    def _quick(self, x: Value) -> ex.Expr:
        x.hint = x.hint or "x"  # used twice: it needs a name
        scaled = ex.Binary("*", ex.Name("1.702"), x.ref)
        return ex.Binary("*", x.ref, ex.Call(ex.Name("torch.sigmoid"), (scaled,)))


@dataclass(frozen=True)
class Add(Pointwise):
    """a + b over one space; one may lack the first axes and is repeated along them."""

    def infer(self, *inputs: Tensor) -> Tensor:
        whole = max(inputs, key=lambda tensor: len(tensor.axes))
        return Tensor(whole.axes, whole.space)

    def label(self) -> str:
        return "+"

    def look(self, *inputs: Tensor) -> Look:
        return sign("+")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0] + inputs[1]


@dataclass(frozen=True)
class Multiply(Pointwise):
    """a · b, element by element."""

    def label(self) -> str:
        return "×"

    def look(self, *inputs: Tensor) -> Look:
        return sign("×")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0] * inputs[1]


@dataclass(frozen=True)
class Scale(Pointwise):
    """x times a number that the spec gives as an expression over fixed sizes."""

    factor: RateExpr | Rate

    def label(self) -> str:
        return plain(self._words)

    def look(self, *inputs: Tensor) -> Look:
        return Look(self._words, form="chip")

    @property
    def _words(self) -> Knob:
        """What is done; a layer's own factor is no one number."""
        return factor(self.factor.tree) if isinstance(self.factor, RateExpr) else ("scale",)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        if isinstance(self.factor, RateExpr):
            return x.times(rates.rate(low, self.factor, x.shape[-1]))
        return x.times(rates.number(self.factor, "scale"))


@dataclass(frozen=True)
class Softcap(Pointwise):
    """tanh(x / cap) · cap (Gemma 2)."""

    cap: Rate

    def label(self) -> str:
        return "softcap"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.words)

    @property
    def words(self) -> str:
        return f"softcap {self.cap:g}" if isinstance(self.cap, float) else "softcap"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        cap = rates.number(self.cap, "cap")
        inner = ex.Call(ex.Name("torch.tanh"), (ex.Binary("/", x.ref, cap),))
        return x.pointwise(ex.Binary("*", inner, cap), saves(Made("tanh", product(x.shape))))


@dataclass(frozen=True)
class Dropout(Pointwise):
    """Zero with probability p while training (Srivastava et al. 2014)."""

    p: Rate

    def label(self) -> str:
        return "dropout"

    def look(self, *inputs: Tensor) -> Look:
        return Look("dropout", form="quiet")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        if not low.drops(self.p):
            return x
        p = rates.number(self.p, "dropout")
        kept = Made("dropout", product(x.shape), "bool" if low.target.kind == "cuda" else "float")
        expr = ex.Call(ex.Name("F.dropout"), (x.ref, p, ex.Member("training")))
        return x.pointwise(expr, saves(kept), kernel=Kernel("pointwise", trains=True))


DROP_PATH = '''def drop_path(x, rate, training):
    """Leave out a branch for whole samples, at this rate, while training: [B, ...]."""
    if not training:
        return x
    return x * F.dropout(x.new_ones(x.shape[:{lead}] + (1,) * (x.dim() - {lead})), rate)
'''


@dataclass(frozen=True)
class DropPath(Pointwise):
    """Zero for whole samples with probability p while training (Huang et al. 2016).

    A sample is one element of the batch axes. What stays is divided by 1 - p.
    """

    p: Rate

    def label(self) -> str:
        return "drop path"

    def look(self, *inputs: Tensor) -> Look:
        return Look("drop path", form="quiet")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        lead = len(node.inputs[0].space.batch)
        function = low.helper("drop_path", DROP_PATH.format(lead=lead))
        p = rates.number(self.p, "drop_rate")
        kept = saves(Made("kept samples", product(x.shape[:lead])))
        expr = ex.Call(function, (x.ref, p, ex.Member("training")))
        return x.pointwise(expr, kept, kernel=Kernel("pointwise", launches=3, trains=True))


@dataclass(frozen=True)
class Learned(Pointwise):
    """x times, or plus, a learned vector or number: bias, layer scale, tanh gate, exp factor.

    `per` says whether one number is learned for each feature or one for all.
    """

    how: Literal["add", "multiply", "tanh", "exp"]
    per: Literal["feature", "all"]
    start: Rate
    name: str

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        shape = (inputs[0].width,) if self.per == "feature" else ()
        return {"": WeightSpec(shape, self.start)}

    def label(self) -> str:
        return self.name

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.name)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        weight = low.parameter(node)
        if self.how == "add":
            return x.pointwise(ex.Binary("+", x.ref, weight.ref), LINEAR)
        if self.how == "multiply":
            return x.pointwise(ex.Binary("*", weight.ref, x.ref), product_of(weight, x))
        factor = weight.pointwise(ex.Call(ex.Attribute(weight.ref, self.how)), saves(Result()))
        return x.pointwise(ex.Binary("*", factor.ref, x.ref), product_of(factor, x))
