"""A program: what every mode runs, what modules hold, and what the file needs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tfspec.graph.scope import Group, Scope, Weight
from tfspec.program import expr as ex
from tfspec.program.method import Method
from tfspec.symbolic import Dim
from tfspec.targets import Target

if TYPE_CHECKING:
    from tfspec.graph.graph import Graph
    from tfspec.losses.choose import Chosen

Mode = Literal["forward", "prefill", "decode"]
Style = Literal["fast", "explicit"]
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(eq=False)
class Member:
    """What a module's __init__ makes: a torch module, a parameter, a buffer or a child.

    `holds` maps an attribute (`weight`, `bias`, or "" for a bare parameter) to the graph's weights
    that it joins along its axis `axis`. A buffer that holds weights is part of the state dict.
    """

    name: str
    make: ex.Expr | None
    holds: dict[str, tuple[Weight, ...]] = field(default_factory=dict[str, "tuple[Weight, ...]"])
    kind: Literal["module", "buffer", "child", "list"] = "module"
    children: tuple[Scope, ...] = ()
    count: int = 1
    text: str = ""
    axis: int = 0


@dataclass(eq=False)
class Program:
    """Every mode's root method, the members of each scope, and the helpers the file needs.

    `sizes`, `dtype` and `learns`, whether gradients flow, are what memory and time are asked at:
    layouts, where it matters that a size is 1 (None: any sizes), and kernels. The code is the same
    at all. `loss` is what the file has beside the model, where it is asked for; `continues`: it has
    `generate` too. `asked`: each two
    sizes that were compared, and whether they are equal at `sizes`.
    """

    graph: Graph
    target: Target
    style: Style
    sizes: Mapping[str, int] | None = None
    dtype: Precision = "fp32"
    learns: bool = True
    loss: Chosen | None = None
    continues: bool = False
    roots: dict[Mode, Method] = field(default_factory=dict["Mode", Method])
    members: dict[Scope, dict[str, Member]] = field(
        default_factory=dict[Scope, "dict[str, Member]"]
    )
    methods: dict[Scope, list[Method]] = field(default_factory=dict[Scope, "list[Method]"])
    holders: dict[Group, Member] = field(default_factory=dict["Group", Member])
    helpers: dict[str, str] = field(default_factory=dict[str, str])
    asked: dict[tuple[Dim, Dim], bool] = field(default_factory=dict["tuple[Dim, Dim]", bool])

    @property
    def counted(self) -> str:
        """What a text is long in: tokens, or places that have several of them each."""
        every = (method for methods in self.methods.values() for method in methods)
        return "places" if any(method.a_place > 1 for method in every) else "tokens"

    @property
    def generates(self) -> bool:
        """Whether it has prefill and decode."""
        return "decode" in self.roots
