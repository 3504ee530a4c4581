"""The lines of a text, broken where YAML breaks them, so that a line number means one thing."""

from __future__ import annotations

import re

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def split_lines(text: str) -> list[str]:
    """The lines without their breaks. (`str.splitlines` breaks at form feeds and others too.)"""
    return _BREAK.split(text)
