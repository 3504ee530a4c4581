"""The way out of a verb that cannot go on: one diagnostic and an exit code."""

from __future__ import annotations

from tfspec.diagnostics import Diagnostic, Rule


class Failure(Exception):
    """Stops the command. The only exception of tfspec that is about the user's call."""

    def __init__(self, rule: Rule, message: str, *help: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(rule, message, None, help=help)
        self.exit_code = exit_code
