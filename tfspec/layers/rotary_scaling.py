"""The knob `scaling` of `rope`: angles stretched for texts longer than those of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import BeforeValidator, Field

from tfspec.diagnostics import Label, Rule
from tfspec.layers.scale import positive_number
from tfspec.spec.located import MISSING_KEY, Located, mistyped, unknown_choice
from tfspec.spec.located_values import span_of
from tfspec.spec.types import Rate, Size
from tfspec.spec.wrong import Wrong, either, wrong

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

DISORDERED = Rule(
    "TS234",
    "frequency factors out of order",
    "`high_freq_factor` of a llama3 scaling is not above its `low_freq_factor`.",
    "Pairs that turn less than the one within `original_length` are slowed down, those that turn "
    "more than the other are kept, and in between it is some of both.",
    "scaling: {kind: llama3, factor: 8, low_freq_factor: 4, high_freq_factor: 1, "
    "original_length: 8192}",
    "Llama 3 has 1 and 4.",
)

Settings = tuple[tuple[str, float], ...]


class LinearScaling(Located):
    """Positions divided by a factor (Chen et al. 2023)."""

    called: ClassVar[str] = "a linear `scaling`"

    kind: Literal["linear"] = Field(description="linear: all alike")
    factor: Rate = Field(description="positions are divided by it")

    def settings(self, g: Builder, x: Tensor) -> Settings:
        """Its numbers by name, checked."""
        return (("factor", positive_number(g, "factor", self.factor, x)),)


class Llama3Scaling(Located):
    """Slow pairs slowed down, quick ones kept: Llama 3.1, by its code (Grattafiori et al. 2024)."""

    called: ClassVar[str] = "a llama3 `scaling`"

    kind: Literal["llama3"] = Field(description="llama3: each pair by how often it turns")
    factor: Rate = Field(description="slow pairs turn slower by this factor")
    low_freq_factor: Rate = Field(description="pairs that turn less often than this are slow")
    high_freq_factor: Rate = Field(
        description="pairs that turn more often than this are kept; those between are slowed in "
        "part",
    )
    original_length: Size = Field(description="the length within which turns are counted")

    def settings(self, g: Builder, x: Tensor) -> Settings:
        """Its numbers by name, checked."""
        names = ("factor", "low_freq_factor", "high_freq_factor")
        found = [(name, positive_number(g, name, getattr(self, name), x)) for name in names]
        low, high = found[1][1], found[2][1]
        if high <= low:
            raise g.refuse(
                DISORDERED,
                f"`high_freq_factor` is above `low_freq_factor`, and {high:g} is not above {low:g}",
                self.span_of("high_freq_factor"),
                came=[Label(self.span_of("low_freq_factor"), "the lower one")],
            )
        return (*found, ("original_length", g.count(self.original_length, x)))


_KINDS = {"linear": LinearScaling, "llama3": Llama3Scaling}


def check_kind(value: Any) -> Any:
    """The value, whose kind must be a known one. Raises Wrong."""
    if isinstance(value, Located):
        return value
    if not isinstance(value, dict):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        helps = (f"write `{{kind: linear, factor: {value}}}`",) if number else ()
        raise mistyped(value, "takes a mapping with `kind`", helps)
    given = cast("dict[str, Any]", value)
    kind = given.get("kind")
    if kind is None:
        helps = (f"`kind` is {either(_KINDS)}",)
        raise wrong(MISSING_KEY, "`scaling` needs `kind`", span_of(given), helps=helps)
    if not isinstance(kind, str) or kind not in _KINDS:
        place = getattr(given, "value_spans", {}).get("kind")
        raise Wrong(unknown_choice(str(kind), list(_KINDS)).about("kind", place))
    return given


RopeScaling = Annotated[
    LinearScaling | Llama3Scaling, Field(discriminator="kind"), BeforeValidator(check_kind)
]
"""What stretches rotary angles, by its kind."""
