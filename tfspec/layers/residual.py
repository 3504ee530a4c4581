"""The residual rule of a block or branch: skip·x + drop(gate · layerscale · scale · f)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from tfspec.spec.located import Located, only
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import Rate


class Gate(Located):
    """A learned factor of a branch: tanh of one number from 0, or linear in a stream.

    tanh(α)·f(x) (Alayrac et al. 2022); W·S·f(x), feature by feature (Peebles and Xie 2022).
    """

    called: ClassVar[str] = "`gate`"
    shorthand: ClassVar[str | None] = "kind"

    kind: Literal["tanh"] | None = Field(
        None, description="tanh of one learned number, from 0 (Alayrac et al. 2022)"
    )
    source: Pipeline | None = Field(
        None,
        alias="from",
        description="a factor for every feature, linear in this value (Peebles and Xie 2022)",
    )


class ResidualKnobs(Located):
    """How a branch f joins what it reads: skip·x + drop(gate · layerscale · scale · f).

    `[..., width] -> [..., width]` (He et al. 2015; skip: Wang et al. 2022, DeepNet).

    `none` is `{skip: 0}`: the branch replaces what it reads.
    """

    called: ClassVar[str] = "`residual`"

    scale: Rate | None = Field(
        None, description="a constant factor of the branch (Hu et al. 2024, MiniCPM)"
    )
    skip: Rate | None = Field(
        None, description="a constant factor of what the branch reads (Wang et al. 2022)"
    )
    gate: Gate | None = Field(None, description="a learned factor of the branch")
    layerscale: Rate | None = Field(
        None, description="start of a learned factor for every feature (Touvron et al. 2021)"
    )
    drop_path: Rate | None = Field(
        None, description="how often a whole branch is left out in training (Huang et al. 2016)"
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(scale=1, skip=1, drop_path=0)

    @property
    def keeps_input(self) -> bool:
        """Whether what the branch reads is added at all."""
        return self.skip is None or self.skip.constant != 0

    @classmethod
    def spread(cls, value: Any) -> Any:
        return only("skip", 0, value) if value == "none" else value

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"const": "none"}]
