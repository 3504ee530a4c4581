"""What else is wrong in a spec that does not validate: names, as far as the rest can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfspec.diagnostics import Diagnostic
from tfspec.spec.located import UNKNOWN_KEY
from tfspec.spec.resolve import resolve
from tfspec.spec.schema import Spec
from tfspec.spec.types import BAD_NAME, Table
from tfspec.spec.unknown import UNKNOWN_NAME
from tfspec.spec.wrong import recovering

_SURE = ("dim", "block", "input, stream, block or step")
"""Kinds of names that are declared in sections, so that a mistake elsewhere hides none."""


def behind(data: dict[str, Any], known: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The mistakes in names, beside those already known.

    None where a section itself is misspelt or mistyped, or a declared name is none: names would
    then be unknown for no fault of their own.
    """
    if any(each.rule is BAD_NAME for each in known) or _lacks_section(data):
        return []
    token = recovering.set(True)
    try:
        spec = Spec.read(data)
    finally:
        recovering.reset(token)
    if not spec.outputs:
        spec = spec.model_copy(update={"outputs": Table({"": None})})
    return [each for each in resolve(spec) if _sure(each)]


def _lacks_section(data: dict[str, Any]) -> bool:
    if not data.keys() <= set(Spec.known_keys()):
        return True
    sections = ("dims", "inputs", "blocks", "streams", "outputs")
    return any(not isinstance(data.get(section, {}), dict) for section in sections)


def _sure(found: Diagnostic) -> bool:
    if found.rule is not UNKNOWN_NAME:
        return found.rule is not UNKNOWN_KEY
    return found.message.startswith(tuple(f"there is no {kind} `" for kind in _SURE))
