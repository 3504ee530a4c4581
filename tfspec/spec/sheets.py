"""Files of numbers that are no specs: read as YAML, checked by a model, all mistakes at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from tfspec.diagnostics import Diagnostic, Rule, Span
from tfspec.spec.file_reader import UNREADABLE
from tfspec.spec.located import Located, mistyped
from tfspec.spec.mistakes import describe
from tfspec.spec.source import EMPTY, NOT_SECTIONS, plain, read
from tfspec.spec.types import Parsed
from tfspec.spec.wrong import Wrong

M = TypeVar("M", bound="Sheet")
NOT_POSITIVE = Rule(
    "TS191",
    "a rate that cannot be",
    "A rate, a size or a fraction of a data sheet is 0 or less, or more than any device has.",
    "Every time that is told by it would be wrong.",
    "tflops: {bf16: 0}",
    "Write the number of the device's own documentation, in the unit that the key names.",
)
REAL = "write what was measured, or what the device's own documentation says"


class SheetError(Exception):
    """What is wrong with a file, as diagnostics, and the texts that they point into."""

    def __init__(self, diagnostics: list[Diagnostic], sources: Mapping[str, str]) -> None:
        super().__init__(diagnostics[0].message)
        self.diagnostics, self.sources = diagnostics, sources


class Sheet(Located):
    """A mapping of such a file; `made` says how one gets a good one."""

    made: ClassVar[str] = ""

    @classmethod
    def unknown(cls, key: str, span: Span | None, hint: tuple[str, ...] = ()) -> Diagnostic:
        """As for a spec, but a key that a step of specs knows is no help here."""
        found = super().unknown(key, span, hint)
        known = f"known: {', '.join(cls.known_keys())}"
        helps = tuple(help for help in found.help if "is a knob of" not in help)
        return replace(found, help=helps or (known,))

    @classmethod
    def _to_add(cls, key: str) -> str:
        return f"add a line `{key}: ...`{cls.made and '; '}{cls.made}"


def read_sheet(path: str, model: type[M], what: str) -> tuple[M, str]:
    """The file by its model, and its text. `what` names it in messages. Raises SheetError."""
    source, found = read(path)
    if source is None or source.root is None:
        text = {} if source is None else {path: source.text}
        raise SheetError([_said(each, what, model, path) for each in found], text)
    try:
        return model.read(plain(source.root)), source.text
    except Wrong as error:
        raise SheetError(list(error.diagnostics), {path: source.text}) from None


def check_positive(value: Any) -> float:
    """A number above 0. Raises Wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mistyped(value, "takes a number")
    if not math.isfinite(value) or value <= 0:
        message = f"is more than 0, and {describe(value).strip('`')} is not"
        raise Wrong((Diagnostic(NOT_POSITIVE, message, None, help=(REAL,)),), names_knob=False)
    return float(value)


def at_most(most: float, unit: str) -> Parsed:
    """A number above 0 that no device is above."""

    def check(value: Any) -> float:
        number = check_positive(value)
        if number > most:
            message = f"is at most {most:,g} {unit}, and {number:g} is not"
            raise Wrong((Diagnostic(NOT_POSITIVE, message, None, help=(REAL,)),), names_knob=False)
        return number

    return Parsed(check, {"type": "number", "exclusiveMinimum": 0, "maximum": most})


def _said(found: Diagnostic, what: str, model: type[Sheet], path: str) -> Diagnostic:
    """A message about a spec, as one about this file. A file that is named alike may be anything:
    it is only meant where it ends alike."""
    helps = found.help
    if found.rule in (EMPTY, NOT_SECTIONS):
        helps = (f"{what} is a mapping with {', '.join(model.known_keys())}",)
    if found.rule is UNREADABLE:
        ending = Path(path).suffix
        alike = (each for each in helps if ending and each.endswith(f"{ending}`?"))
        helps = (*alike, *filter(None, [model.made]))
    return replace(found, message=found.message.replace("a spec", what), help=helps)


Positive = Annotated[float, Parsed(check_positive, {"type": "number", "exclusiveMinimum": 0})]
"""A number above 0."""
