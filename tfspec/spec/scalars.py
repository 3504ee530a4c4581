"""What a bare word of YAML means here: the core rules of YAML 1.2, and no surprises of 1.1.

`no`, `on` and `yes` are strings, `1e-12` and `1E5` are numbers, and so `010`, `0x1F`, `1_000`,
`1:30` and dates are strings: a spec that means a number then hears of it.
"""

from __future__ import annotations

import math
import re

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")  # more digits: for the expression to refuse
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BEGINS_NUMBER = frozenset("+-.0123456789")
_LONGEST_NUMBER = 400


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar; a float that is not finite comes out as such."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _BEGINS_NUMBER or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text)


def is_finite(value: object) -> bool:
    """Whether a value is anything but an infinite or undefined float."""
    return not isinstance(value, float) or math.isfinite(value)


def _number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    whole_number = text.lstrip("+-").isdecimal()  # `010` and integers of over 100 digits
    return float(text) if _FLOAT.fullmatch(text) and not whole_number else text
