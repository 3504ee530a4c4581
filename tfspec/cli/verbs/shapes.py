"""`tfspec shapes`: the shape flow step by step, symbolic and bound."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tfspec.cli import output, sets, specs
from tfspec.cli.parser import format_option, one_of
from tfspec.cli.verb import Verb

if TYPE_CHECKING:
    from tfspec.api import Architecture

_EXAMPLES = """\
  tfspec shapes vit-b16                      a table in the terminal
  tfspec shapes gpt2 --set T=128             with a length
  tfspec shapes gpt2 --mode decode           one token, with a cache
  tfspec shapes vit-b16 --format latex       for a paper
"""

_MODES = ("forward", "prefill", "decode")


def _options(parser: ArgumentParser) -> None:
    specs.option(parser)
    sets.option(parser)
    parser.add_argument(
        "--mode",
        type=one_of(_MODES, "mode"),
        default="forward",
        metavar="|".join(_MODES),
        help="what the model does (default: forward)",
    )
    format_option(parser, "text", "md", "json", "latex")
    output.option(parser, "the table")


def _run(architecture: Architecture, args: Namespace) -> int:
    flow = architecture.shapes(args.mode)
    text = getattr(flow, args.format)()
    output.write(text, args.output, never=architecture.loaded.sources)
    return 0


VERB = Verb("show the shape of every step", _EXAMPLES, _options, specs.with_spec(_run))
