"""What a target or mode cannot do yet, found while lowering, as a diagnostic."""

from __future__ import annotations

from tfspec.diagnostics import Diagnostic, Label
from tfspec.layers.base import NOT_YET


class NotYet(Exception):
    """Lowering stops here; passes catch it and report the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic

    @staticmethod
    def of(message: str, place: Label | None, *helps: str) -> NotYet:
        return NotYet(Diagnostic(NOT_YET, message, place, help=helps))
