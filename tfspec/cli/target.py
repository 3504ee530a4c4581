"""`--target` and what is asked of one: how a model runs there, what fits, how long a run takes."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfspec.cli.failure import Failure
from tfspec.diagnostics import Rule
from tfspec.diagnostics.escape import quoted

if TYPE_CHECKING:
    from tfspec.passes.time.runs import Amount

NEEDS_TARGET = Rule(
    "TS472",
    "a question about no machine",
    "`--efficiency`, `--eager`, `--fit`, `--tokens`, `--samples` and `--gpus` ask how a model does "
    "on a target.",
    "What fits and how long it takes depends on the machine.",
    "tfspec cost gpt2 --fit",
    "Name a target: `--target h200`; `tfspec list --targets` has them.",
)
BAD_RUN = Rule(
    "TS473",
    "a run that cannot be",
    "`--tokens`, `--samples` or `--gpus` is no number that a training run can have.",
    "A run is of at least one token on one GPU, and of no more than anyone could pay.",
    "tfspec cost gpt2 --mode train --target h200 --tokens 300e9 --gpus 0",
    "Write `--mode train --target h200 --tokens 300e9 --gpus 8`.",
)
WAYS = ("efficiency", "eager")
PLANS = ("fit", "tokens", "samples", "gpus")
MOST = {"tokens": 10**18, "samples": 10**18, "gpus": 10**7}


def options(parser: ArgumentParser) -> None:
    machine_options(parser)
    parser.add_argument("--fit", action="store_true", help="the largest batch and length that fit")
    parser.add_argument("--tokens", metavar="N", help="a training run of so many tokens: 300e9")
    parser.add_argument("--samples", metavar="N", help="a training run of so many samples")
    parser.add_argument("--gpus", metavar="N", help="GPUs of the run (default: 1)")


def machine_options(parser: ArgumentParser) -> None:
    """Which machine, and how the model runs there."""
    from tfspec.targets import names

    words = f"{'|'.join(names())}|FILE.yaml"
    parser.add_argument("--target", metavar=words, help="how long it takes there, and what fits")
    parser.add_argument(
        "--efficiency", metavar="FILE", help="measured efficiencies, for calibrated times"
    )
    parser.add_argument("--eager", action="store_true", help="run line by line, not compiled")


def how(args: Namespace) -> dict[str, Any]:
    """The keywords of `Architecture.cost`. Raises Failure for what cannot be asked."""
    ways = machine(args, (*WAYS, *PLANS))
    if not ways:
        return {"compiled": args.compiled or None}
    _check_form(args)
    ways["compiled"] = False if args.eager else args.compiled or None
    return {**ways, "fit": args.fit, "run": _run(args)}


def machine(args: Namespace, about: Sequence[str] = WAYS) -> dict[str, Any]:
    """The keywords of `Architecture.report`. Raises Failure where no machine is named, and one of
    the options `about` one is given."""
    if args.target is not None:
        return {
            "target": args.target, "efficiency": args.efficiency, "compiled": not args.eager
        }  # fmt: skip
    asked = next((name for name in about if _given(args, name)), None)
    if asked is None:
        return {}
    message = f"`--{asked}` asks about a machine, and none is named"
    raise Failure(NEEDS_TARGET, message, "name one: `--target h200`")


def _check_form(args: Namespace) -> None:
    """What fits, and a run, stand in text and JSON of one cost."""
    asked = next((name for name in PLANS if _given(args, name)), None)
    if asked and args.sweep is not None:
        raise Failure(BAD_RUN, f"a sweep has no place for `--{asked}`", "leave one of them out")
    if asked and args.format not in ("text", "json"):
        message = f"`--{asked}` is told in text and in JSON, not in {args.format}"
        raise Failure(BAD_RUN, message, "write `--format json`")


def _run(args: Namespace) -> Amount | None:
    from tfspec.passes.time.runs import Amount

    if None not in (args.tokens, args.samples):
        message = "a run is counted in tokens or in samples, and both are given"
        raise Failure(BAD_RUN, message, "leave one of them out")
    unit = "tokens" if args.samples is None else "samples"
    text = args.tokens if args.samples is None else args.samples
    if text is None:
        if args.gpus is not None:
            message = "`--gpus` asks about a run, and none is given"
            raise Failure(BAD_RUN, message, "write `--tokens 300e9 --gpus 8`")
        return None
    if args.mode != "train":
        message = f"`--{unit}` asks about training, and the mode is {args.mode}"
        raise Failure(BAD_RUN, message, "write `--mode train`")
    gpus = "1" if args.gpus is None else args.gpus
    return Amount(unit, _whole(unit, text), _whole("gpus", gpus))


def _given(args: Namespace, name: str) -> bool:
    return getattr(args, name) not in (None, False)


def _whole(name: str, text: str) -> int:
    """A whole number from 1 on, which may be written as 300e9. Raises Failure."""
    most = MOST[name]
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not 1 <= number <= most or number != int(number):
        message = f"`--{name}` takes a whole number from 1 to {most:,}, not {quoted(text)}"
        help = "write `--gpus 8`" if name == "gpus" else f"write `--{name} 300e9`"
        raise Failure(BAD_RUN, message, help)
    return int(number)
