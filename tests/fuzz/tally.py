"""Which knobs a spec uses: so that one which is always refused is seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

ATTEND = ("rope", "alibi", "rel_bias", "window", "shift", "mask", "only", "to", "qk_norm", "softcap",
          "kv_heads", "share", "over", "latent")  # fmt: skip
STEPS = ("merge", "split", "patch", "prepend", "concat", "join", "sum", "pool", "take", "drop",
         "mark", "par", "stack", "learn", "embed", "conv", "zip", "splice", "similarity", "per", "sinusoid", "modulate",
         "extends")  # fmt: skip
MASKS = {
    "causal": r"causal", "within": r"within", "not": r"\bnot\b", "or": r"\bor\b",
    "compares": r"[<>=]", "pos": r"\.pos\b", "abs": r"abs", "%": r"%", "//": r"//",
}  # fmt: skip


def used(tree: Any, key: str = "", inputs: Iterable[str] = ()) -> Iterator[str]:
    """The knobs of a spec that are worth counting, each as often as it stands there."""
    if isinstance(tree, list):
        for item in tree:
            yield from used(item, key, inputs)
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        if name in STEPS:
            yield name
        if key == "attend" and name in ATTEND:
            yield name
            yield from _forms(name, value)
        if name == "pos":
            yield from _positions(value)
        if name == "take" and isinstance(value, dict):
            yield from (f"take {_place(place)}" for place in value.values())
        if name == "take" and isinstance(value, str) and value in inputs:
            yield "take at"
        if name == "drop_path":
            yield name
        if name == "gate" and isinstance(value, dict):
            yield "gate from"
        if name == "share" and "(" in str(value):
            yield "share by layer"
        if value == "none" and name not in ("norm", "residual"):
            yield "none"
        if (
            isinstance(value, str)
            and re.search(r"\b[in]\b", value)
            and name in ("scale", "drop_path")
        ):
            yield f"{name} by layer"
        yield from used(value, name, inputs)


def _place(place: Any) -> str:
    return "index" if isinstance(place, int) else "condition" if "(" in place else "label"


def _forms(name: str, value: Any) -> Iterator[str]:
    if name == "mask":
        yield from (f"mask {form}" for form, sign in MASKS.items() if re.search(sign, str(value)))
    elif name == "rope" and isinstance(value, dict):
        yield from (f"rope {knob}" for knob in value if knob not in ("base", "scaling"))
        if "scaling" in value:
            yield f"rope {value['scaling'].get('kind')}"
    elif name == "rel_bias":
        yield "rel_bias buckets" if isinstance(value, dict) else "rel_bias axes"


def _positions(value: Any) -> Iterator[str]:
    knobs = {value: ""} if isinstance(value, str) else value
    for kind in ("learned", "sinusoidal"):
        space = str(knobs.get(kind, "")) if isinstance(knobs, dict) else ""
        if isinstance(knobs, dict) and kind in knobs:
            yield kind
            yield from (f"{kind} {sign}" for sign in ("*", "+") if sign in space)
    if isinstance(knobs, dict):
        yield from (f"pos {knob}" for knob in ("rows", "offset", "layout", "base") if knob in knobs)


class Tally:
    """How many specs use each knob, and how many of them ended well."""

    def __init__(self) -> None:
        self.drawn, self.agreed = Counter[str](), Counter[str]()

    def add(self, tree: Any, agreed: bool) -> None:
        knobs = set(used(tree, inputs=tree["inputs"]))
        self.drawn.update(knobs)
        if agreed:
            self.agreed.update(knobs)

    def idle(self, least: int) -> list[str]:
        """Knobs drawn so often that never ran and agreed."""
        return [knob for knob, count in self.drawn.items()
                if count >= least and not self.agreed[knob]]  # fmt: skip

    def lines(self) -> Iterable[str]:
        for knob, count in self.drawn.most_common():
            yield f"{knob}: {self.agreed[knob]} of {count} agreed"
