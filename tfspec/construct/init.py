"""The section `init`: its rates have values, and none of its knobs is without effect."""

from __future__ import annotations

from tfspec.construct.holders import Holders
from tfspec.construct.rates import Rates
from tfspec.construct.rules import IDLE_KNOB
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Rule
from tfspec.spec.schema import Init

BAD_STD = Rule(
    "TS231",
    "a deviation that is not above 0",
    "`std` or `embed` of `init` is 0 or less, or `residual` is negative.",
    "Weights are drawn with this standard deviation.",
    "init: {std: -0.02}",
    "Give a number above 0; `kind: torch` starts weights as torch does.",
)
_ZERO = {
    "gate": "no gate{there} is `from` a value",
    "modulate": "no norm{there} has `modulate`",
    "linear": "no step{there} is `linear`",
}
_IDLE = {"torch": ("residual",), "xavier": ("residual",)}


def check_init(sizes: Rates) -> None:
    """Report what is wrong with `init`; a spec without one starts as torch does."""
    init = sizes.spec.init
    if init is None:
        return
    for name in ("std", "residual", "embed", "bias"):
        try:
            _knob(sizes, init, name)
        except Stop:
            continue


def _knob(sizes: Rates, init: Init, name: str) -> None:
    knob = getattr(init, name)
    if knob is None:
        return
    if name in _IDLE.get(init.kind, ()):
        message = f"`{name}` has no effect where `kind` is {init.kind}"
        raise sizes.refuse(IDLE_KNOB, message, init.key_span(name), help=["leave it out"])
    if name == "bias":
        return
    value = sizes.rate_over(knob, layers=1)
    if value < 0 or (value == 0 and name != "residual"):
        message = f"`{name}` of `init` is above 0, and {value:g} is not"
        raise sizes.refuse(BAD_STD, message, init.span_of(name))


def check_zeros(g: Holders) -> None:
    """Report what `zeros` names and the spec has not: to be asked when all of it is built."""
    init = g.spec.init
    for name in () if init is None or init.zeros is None else init.zeros:
        if name not in g.zeroed:
            place, _, step = name.rpartition(".")
            why = _ZERO[step].format(there=f" in `{place}`" if place else "")
            message = f"nothing here starts at 0 by `{name}`: {why}"
            g.refuse(IDLE_KNOB, message, name.span, help=["leave it out"])
