"""Text of a spec or of code with its comments, words and strings told apart; code in sentences."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator

from tfspec.diagnostics.escape import escape_one

_PYTHON = re.compile(
    r"""(?P<s>(?:\"\"\"(?:.|\n)*?\"\"\")|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    rf"""|(?P<c>\#[^\n]*)|(?P<k>\b(?:{"|".join(keyword.kwlist)})\b)"""
)
_YAML = re.compile(
    r"""(?P<s>"(?:\\.|[^"\\\n])*")|(?P<c>(?:^|(?<=\s))\#[^\n]*)|(?P<k>[A-Za-z_][\w.-]*(?=\s*:))"""
)


_CODE = re.compile(r"`([^`\s](?:[^`\n]*[^`\s])?)`")


def sentence(text: str) -> Iterator[tuple[bool, str]]:
    """Pieces of a message: what stood between backticks, which is code, and the rest."""
    for at, piece in enumerate(_CODE.split(text)):
        yield bool(at % 2), piece


def python(text: str) -> Iterator[tuple[str, str]]:
    """Pieces, each with what it is: a string, a comment, a keyword, or nothing."""
    return _pieces(_PYTHON, text)


def yaml(text: str) -> Iterator[tuple[str, str]]:
    """Pieces of a spec: a string, a comment, a key, or nothing."""
    return _pieces(_YAML, text)


def _pieces(words: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for found in words.finditer(text):
        if found.start() > at:
            yield "", shown(text[at : found.start()])
        yield found.lastgroup or "", shown(found[0])
        at = found.end()
    if at < len(text):
        yield "", shown(text[at:])


def shown(text: str) -> str:
    """Lines as they are, but what is not visible or moves other text as an escape."""
    return "".join(char if char in "\n\t" else escape_one(char) for char in text)
