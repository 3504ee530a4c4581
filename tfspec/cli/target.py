"""`--target` and what is asked of one: how a model runs there, and with which measurements."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from tfspec.cli.failure import Failure
from tfspec.diagnostics import Rule

NEEDS_TARGET = Rule(
    "TS472",
    "a question about no machine",
    "`--efficiency`, `--eager`, `--fit` and `--gpus` ask how a model does on a target.",
    "What fits and how long it takes depends on the machine.",
    "tfspec cost gpt2 --fit",
    "Name a target: `--target h200`; `tfspec list --targets` has them.",
)


def options(parser: ArgumentParser) -> None:
    from tfspec.targets import names

    words = f"{'|'.join(names())}|FILE.yaml"
    parser.add_argument("--target", metavar=words, help="how long it takes there, and what fits")
    parser.add_argument(
        "--efficiency", metavar="FILE", help="measured efficiencies, for calibrated times"
    )
    parser.add_argument("--eager", action="store_true", help="run line by line, not compiled")


def how(args: Namespace) -> dict[str, Any]:
    """The keywords of `Architecture.cost`. Raises Failure for options that need a target."""
    if args.target is None:
        given = [name for name in ("efficiency", "eager") if getattr(args, name)]
        if given:
            raise needs_target(f"--{given[0]}")
        return {}
    return {
        "target": args.target, "efficiency": args.efficiency, "compiled": not args.eager
    }  # fmt: skip


def needs_target(option: str) -> Failure:
    return Failure(NEEDS_TARGET, f"`{option}` asks about a machine, and none is named",
                   "name one: `--target h200`")  # fmt: skip
