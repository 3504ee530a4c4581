"""The SPEC argument: a spec read, or its messages told and the exit code for them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tfspec.cli import console

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.diagnostics import Diagnostic

SPEC_HELP = "a path, or the name of a bundled spec"


def option(parser: ArgumentParser) -> None:
    """One SPEC."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)


def with_spec(run: Callable[[Architecture, Namespace], int]) -> Callable[[Namespace], int]:
    """A verb's `run` from one that takes a correct spec: others are reported, and end here."""

    def run_verb(args: Namespace) -> int:
        from tfspec.api import SpecError, read

        architecture = read(args.spec, args.sets)
        checked = architecture.check()
        console.report(checked.diagnostics, architecture.loaded.sources)
        if not checked.ok:
            return exit_code(checked.diagnostics)
        try:
            return run(architecture, args)
        except SpecError as refusal:  # a target or a mode that this architecture has not
            console.report(refusal.diagnostics, refusal.sources)
            return exit_code(refusal.diagnostics, refused=True)

    return run_verb


def exit_code(found: Iterable[Diagnostic], *, refused: bool = False) -> int:
    """0 without errors; 2 where a file cannot be read, or the call is wrong (TS4xx); else 1.

    Where no call is `refused`, an error with a place is of the spec: it expects what none can tell.
    """
    from tfspec.spec.file_reader import NOT_A_FILE, UNREADABLE
    from tfspec.spec.load import NO_SPEC

    errors = [each for each in found if each.severity == "error"]
    unread = any(each.rule in (UNREADABLE, NOT_A_FILE, NO_SPEC) for each in errors)
    calls = [each for each in errors if refused or each.span is None]
    wrong_call = any(each.code.startswith("TS4") for each in calls)
    return 2 if unread or wrong_call else bool(errors)
