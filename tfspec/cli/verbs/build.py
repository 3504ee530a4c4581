"""`tfspec build`: the standalone torch file, and on request its first run."""

from __future__ import annotations

import io
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tfspec.cli import console, output, sets, specs
from tfspec.cli.failure import Failure
from tfspec.cli.parser import choice, one_of
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule

if TYPE_CHECKING:
    from tfspec.api import Architecture

NO_TORCH = Rule(
    "TS424",
    "running needs torch",
    "`--run` and `--verify` run the emitted file, and torch is not installed here.",
    "tfspec itself needs no torch: it is an extra, and large.",
    "tfspec build vit-b16 --run",
    "pip install 'tfspec[torch]', or run the emitted file where torch is.",
)

NOT_RUN = Rule(
    "TS425",
    "an emitted file that does not run here",
    "torch, its compiler or this machine stopped the emitted file.",
    "It needs a C++ compiler on a CPU, a driver on a GPU, and memory for the model.",
    "tfspec build gpt2 --run    # on a machine without g++",
    "Write the file with -o and run it by python: it shows the whole traceback.",
)

_EXAMPLES = """\
  tfspec build vit-b16 -o vit_b16.py         a file that needs torch and nothing else
  tfspec build gpt2 --style explicit         the textbook's q, k, v, scores, softmax
  tfspec build gpt2 --with generate          with a cache and token-by-token generation
  tfspec build palm-540b --with decode       the cache, prefill and decode alone
  tfspec build gpt2 --loss next-token        with a loss, which its own run takes a step of
  tfspec build gpt2 --target h200            kernels and settings for a GPU; auto: for what is here
  tfspec build vit-b16 --run                 build, compile, run once here
  tfspec build vit-b16 --set d=48 --verify   every shape comment against the live tensor
"""


def _options(parser: ArgumentParser) -> None:
    from tfspec.api import PARTS, STYLES
    from tfspec.losses.choose import LOSSES
    from tfspec.targets import names

    specs.option(parser)
    sets.option(parser)
    output.option(parser, "the torch file")
    words = f"{'|'.join(names())}|FILE.yaml"
    parser.add_argument("--target", metavar=words, help="the machine that the code is for")
    choice(parser, "--style", STYLES, "for speed, or as in a textbook")
    parser.add_argument(
        "--with",
        dest="parts",
        action="append",
        type=one_of(PARTS, "part"),
        default=[],
        metavar="|".join(PARTS),
        help="add more than the model",
    )
    parser.add_argument(
        "--loss", type=_loss, metavar="KIND[:OUTPUT]", help=f"add a loss: {', '.join(LOSSES)}"
    )
    parser.add_argument("--run", action="store_true", help="compile it and run it once")
    parser.add_argument("--verify", action="store_true", help="hold its shapes against live ones")


def _loss(text: str) -> str:
    """KIND or KIND:OUTPUT, where the kind is known."""
    from tfspec.losses.choose import LOSSES

    one_of(LOSSES, "loss")(text.partition(":")[0])
    return text


def _run(architecture: Architecture, args: Namespace) -> int:
    runs = args.run or args.verify
    if runs and find_spec("torch") is None:
        raise Failure(NO_TORCH, "running needs torch, and it is not installed", NO_TORCH.mend)
    args.target = _target(args.target)
    how = {"style": args.style, "parts": args.parts, "loss": args.loss}
    code = architecture.emit(target=args.target, **how)
    if args.output or not runs:
        output.write(code, args.output, never=architecture.loaded.sources)
    if args.run:
        _run_file(architecture, code)
    return _verify(architecture, args) if args.verify else 0


def _target(name: str | None) -> str | None:
    """The target's name; of `auto` the one that is chosen here, and said."""
    from tfspec.targets import AUTO, chosen, sheets

    if name != AUTO:
        return name
    here = chosen(sheets())
    console.say(f"target: {here.target.name} ({here.why})")
    return here.target.name


def _run_file(architecture: Architecture, code: str) -> None:
    from tfspec.runtime.run import run

    printed = io.StringIO()
    try:
        with console.working("compiling and running"), redirect_stdout(printed):
            remark = run(code)
    except Exception as error:  # torch's and its compiler's many ways to fail on a machine
        text = console.one_line(f"{type(error).__name__}: {error}", 300)
        raise Failure(NOT_RUN, f"the emitted file did not run here: {text}", NOT_RUN.mend) from None
    if remark:
        console.say(console.one_line(remark, 300))
    console.write(f"{architecture.semantics.name}: {architecture.semantics.signature_line()}")
    console.write(printed.getvalue())


def _verify(architecture: Architecture, args: Namespace) -> int:
    from tfspec.runtime.verify import verify

    how = {"style": args.style, "parts": args.parts, "loss": args.loss}
    with console.working("running at random sizes"):
        report = verify(architecture, target=args.target, **how, file=args.output or "model.py")
    for line in report.text().splitlines():
        console.write(console.one_line(line, 1000))
    return 0 if report.ok else 1


VERB = Verb("emit a standalone PyTorch file", _EXAMPLES, _options, specs.with_spec(_run))
