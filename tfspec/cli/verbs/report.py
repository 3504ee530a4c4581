"""`tfspec report`: everything about a model on one page that needs no network."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import PurePath
from typing import TYPE_CHECKING

from tfspec.cli import output, sets, specs, target
from tfspec.cli.failure import Failure
from tfspec.cli.parser import choice
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule
from tfspec.diagnostics.escape import quoted

if TYPE_CHECKING:
    from tfspec.api import Architecture

NO_PAGE = Rule(
    "TS494",
    "a report in a file that is no page",
    "`tfspec report -o FILE` writes HTML, and the file's ending says something else.",
    "A browser, and everyone whom it is sent to, goes by the ending.",
    "tfspec report gpt2 -o gpt2.pdf",
    "Name a file that ends in .html; a browser prints it as a PDF.",
)

_EXAMPLES = """\
  tfspec report gpt2 -o gpt2.html            figure, costs, charts, shapes, the spec and its code
  tfspec report llama-3-8b --dtype bf16 --target h200 --set B=8 -o llama.html    and times
  tfspec report gpt2 --mode decode -o decode.html
  tfspec report vit-b16 > vit.html
"""


def _options(parser: ArgumentParser) -> None:
    from tfspec.passes.cost.report import MODES
    from tfspec.passes.cost.sizes import PRECISIONS

    specs.option(parser)
    sets.option(parser, what="bind or override dims, and show numbers")
    choice(parser, "--mode", MODES, "what the model does")
    choice(parser, "--dtype", tuple(PRECISIONS), "bytes of a number")
    target.machine_options(parser)
    output.option(parser, "the page")


def _run(architecture: Architecture, args: Namespace) -> int:
    _check_ending(args.output)
    machine = target.machine(args)
    found = architecture.report(args.mode, dtype=args.dtype, **machine)
    output.write(found.html(), args.output, never=architecture.loaded.sources)
    return 0


def _check_ending(file: str | None) -> None:
    """Without a file the page goes to stdout."""
    if file not in (None, "-") and PurePath(file).suffix.lower() != ".html":
        message = f"the output {quoted(file, 200)} does not end in .html"
        helps = "name a page: `-o report.html`", "a browser prints it as a PDF"
        raise Failure(NO_PAGE, message, *helps)


VERB = Verb("put all about a model on one page", _EXAMPLES, _options, specs.with_spec(_run))
