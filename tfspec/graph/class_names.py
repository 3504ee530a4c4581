"""Names of classes, a spec's words, each with a capital; and titles, in which they stay words."""

from __future__ import annotations

import re


def class_name(name: str, noun: str) -> str:
    """`bert-base` is BertBase; `noun` says what it is where digits alone would not tell.

    Digits that a mark kept apart stay apart, by a point as p or by the noun: `llama-3.1-405b` is
    Llama3p1Model405B, as Llama31405b is another number.
    """
    text = re.sub(r"(?<=[0-9])\.(?=[0-9])", "p", name)
    words = re.findall(r"[A-Za-z0-9]+", text)
    joined = ""
    for word in map(_capital, words):
        apart = word[0].isdigit() and not joined[-1:].isalpha()
        joined += f"{noun}{word}" if apart else word
    return joined or noun


def title(name: str) -> str:
    """What a reader of a figure is told: `pool_by_attention` is Pool by attention."""
    words = name.replace("_", " ").split()
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]]) if words else name


def _capital(word: str) -> str:
    """`large` is Large, `70b` is 70B: a letter behind a number is its unit."""
    if word[0].isdigit():
        return re.sub(r"(?<=[0-9])[a-z]$", lambda unit: unit[0].upper(), word)
    return word[0].upper() + word[1:]
