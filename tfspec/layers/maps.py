"""The linear maps of an attention, q, k, v and out: which of them have a bias."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from tfspec.spec.located import mistyped, unknown_choice
from tfspec.spec.types import Parsed, each_of

Map = Literal["q", "k", "v", "out"]
MAPS: tuple[Map, ...] = ("q", "k", "v", "out")


class Biased(tuple[Map, ...]):
    """The maps that have a bias."""

    def __str__(self) -> str:
        missing = [each for each in MAPS if each not in self]
        return f"[{', '.join(self)}]" if self and missing else "false" if missing else "true"


def check_biases(value: Any) -> Biased:
    """The maps that have a bias: true for all, false for none, or a list. Raises Wrong."""
    if isinstance(value, bool):
        return Biased(MAPS if value else ())
    if isinstance(value, list | tuple):
        return Biased(each_of(cast("list[Any]", value), _map))
    raise mistyped(value, "takes true, false or a list of q, k, v, out")


def _map(value: Any) -> Map:
    for known in MAPS:
        if value == known:
            return known
    if isinstance(value, str):
        raise unknown_choice(value, list(MAPS))
    raise mistyped(value, "is one of q, k, v, out")


_BIASES: dict[str, Any] = {
    "anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(MAPS)}}]
}
Biases = Annotated[Biased, Parsed(check_biases, _BIASES)]
