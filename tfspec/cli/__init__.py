"""The command line: finds the verb, runs it, and ends quietly whatever happens.

Exit codes: 0 fine; 1 the spec has errors; 2 the call is wrong, or a file cannot be read or
written; 70 a bug in tfspec; 130 stopped by Ctrl-C; 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tfspec.cli import console

BUG, STOPPED, UNHEARD = 70, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; raises nothing, Ctrl-C and bugs included."""
    console.prepare()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        console.flush()
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        console.mute()
        return UNHEARD
    except console.Unwritable as refused:
        return _unwritten(str(refused))
    except Exception as bug:
        return _report(bug)
    return code


def _run(argv: list[str]) -> int:
    from tfspec.cli.failure import Failure
    from tfspec.cli.parser import parse

    try:
        verb, args = parse(argv)
        return verb.run(args)
    except Failure as failure:
        console.report([failure.diagnostic])
        return failure.exit_code
    except SystemExit as done:  # argparse, after --help
        return int(done.code or 0)


def _unwritten(reason: str) -> int:
    """Stdout that takes no more, told on stderr; where that is full too, the exit code alone."""
    from tfspec.cli.output import unwritten

    console.mute(sys.stdout)
    failure = unwritten(reason)
    try:
        console.report([failure.diagnostic])
        console.flush()
    except (BrokenPipeError, console.Unwritable):
        console.mute()
    return failure.exit_code


def _report(bug: Exception) -> int:
    """A bug as three lines; the whole traceback only for who asks for it."""
    import traceback

    if os.environ.get("TFSPEC_TRACEBACK"):
        traceback.print_exception(bug)
        return BUG
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    text = console.one_line(f"{type(bug).__name__}: {bug}", 300)
    place = f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"
    console.say(f"tfspec: a bug in tfspec, not in your spec: {text}\n  at {place}")
    console.say("  Please report it, with the spec and the output under TFSPEC_TRACEBACK=1.")
    return BUG
