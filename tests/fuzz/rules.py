"""Random rules of blocks and branches: norms, residuals, shared weights."""

from __future__ import annotations

from typing import Any

from tests.fuzz import modulations, steps
from tests.fuzz.maker import Maker
from tests.fuzz.values import Val


def shared(m: Maker, kind: str, width: int, knobs: dict[str, Any]) -> dict[str, Any]:
    """A branch whose weights another one has too: all its knobs are written, and equal."""
    known = m.branches
    if m.own is not None and m.chance(40):
        known = m.own  # a layer's own weights
    fitting = [each for each in known if each[:2] == (kind, width)]
    if fitting and m.chance(70):
        return dict(m.pick(fitting)[2])
    knobs = {"bias": True, **knobs, "norm": block_norm(m), "share": f"same{len(m.branches)}"}
    if isinstance(knobs.get("qk_norm"), str):
        del knobs["qk_norm"]
    if known is m.own:
        m.used.add(name := f"own{len(m.used)}")
        knobs["share"] = f"{name}({m.pick(['i', 'i + 1', 'n - i'])})"
    known.append((kind, width, knobs))
    return dict(knobs)


def own(m: Maker, knobs: dict[str, Any], x: Val | None = None) -> None:
    """A norm or residual rule of the branch's own."""
    if m.chance(12):
        knobs["norm"] = block_norm(m, x)
    if m.chance(12):
        knobs["residual"] = residual(m, x)


def block_norm(m: Maker, x: Val | None = None) -> Any:
    """One for values as x, where any may be modulated."""
    if m.chance(15):
        return "none"
    knobs = steps.norm_knobs(m)
    if x is not None and m.chance(15):
        knobs["modulate"] = modulations.source(m, x)
    if m.chance(70):
        knobs["at"] = m.pick(
            ["pre", "post", "out", ["pre", "out"], ["pre", "post"], ["out", "post"]]
        )
    return knobs


def residual(m: Maker, x: Val | None = None) -> Any:
    if m.chance(15):
        return "none"
    knobs: dict[str, Any] = {}
    if m.chance(30):
        knobs["scale"] = by_layer(m, 0.5, 2)
    if m.chance(25):
        knobs["skip"] = m.pick([0.5, 2, 1, 0])
    if m.chance(25):
        knobs["layerscale"] = m.pick([0.1, 1, 1e-4])
    if m.chance(20):
        knobs["gate"] = "tanh"
    elif x is not None and m.chance(15):
        knobs["gate"] = {"from": modulations.source(m, x)}
    if m.chance(20):
        knobs["drop_path"] = m.pick([0.1, 0, "0.2 * i / n", "i / (n + 1)", "1 / (2 + i)"])
    return knobs


def by_layer(m: Maker, *choices: float) -> float | str:
    """A rate at most 1, which may differ from layer to layer."""
    if m.chance(40):
        return m.pick(
            ["0.2 * i / n", "1 / (1 + i)", "i / (n + 1)", "(n - i) / n", "(2 * n) ** -0.5"]
        )
    return m.rate(*choices)
