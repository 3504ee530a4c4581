"""`tfspec cost`: parameters, FLOPs and memory, each as a formula and as a number."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tfspec.cli import output, sets, specs
from tfspec.cli.failure import Failure
from tfspec.cli.parser import choice, format_option, one_of
from tfspec.cli.sweep import SWEEP, fixed, values_of
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.passes.cost.sweep import Sweep

COMPILED = Rule(
    "TS479",
    "nothing that a compiled step keeps",
    "`--compiled` is about a training step, compiled as a whole and without checkpointing.",
    "Other modes keep nothing for backward, and what is run again by checkpoints is not cut.",
    "tfspec cost gpt2 --mode decode --compiled",
    "Write `tfspec cost gpt2 --mode train --compiled`.",
)
_EXAMPLES = """\
  tfspec cost bert-base                      parameters, FLOPs, shares by module, formulas
  tfspec cost vit-b16 --set B=256 --mode train --dtype bf16
  tfspec cost llama-3-8b --mode decode --set B=8,T=8192    one token, and the cache
  tfspec cost llama-3-8b --mode train --checkpoint block   what is kept then, and the peak
  tfspec cost gpt2 --by kind                 equal work together
  tfspec cost llama-3-8b --sweep T=1024..8192 --format csv
  tfspec cost vit-b16 --format latex         for a paper
"""


def _options(parser: ArgumentParser) -> None:
    from tfspec.passes.cost.cost import MODES
    from tfspec.passes.cost.groups import GROUPS
    from tfspec.passes.cost.sizes import OPTIMIZERS, PRECISIONS
    from tfspec.passes.memory.checkpointing import CHECKPOINTS

    specs.option(parser)
    sets.option(parser)
    choice(parser, "--mode", MODES, "what the model does")
    choice(parser, "--dtype", tuple(PRECISIONS), "bytes of a number")
    choice(parser, "--optimizer", tuple(OPTIMIZERS), "what training keeps for each parameter")
    choice(parser, "--checkpoint", CHECKPOINTS, "what training runs again instead of keeping it")
    parser.add_argument(
        "--compiled", action="store_true", help="activations as torch.compile keeps them"
    )
    parser.add_argument(
        "--by",
        type=one_of(GROUPS, "group"),
        metavar="|".join(GROUPS),
        help="how rows are put together (default: module; for json and csv: step)",
    )
    parser.add_argument(
        "--sweep",
        metavar="NAME=A..B[:STEPS]",
        help="one dim over its sizes, doubled from A to B, or in so many even steps",
    )
    format_option(parser, "text", "json", "csv", "latex")
    output.option(parser, "the costs")


def _run(architecture: Architecture, args: Namespace) -> int:
    how: dict[str, Any] = {
        "dtype": args.dtype,
        "optimizer": args.optimizer,
        "checkpoint": args.checkpoint,
        "compiled": args.compiled,
    }
    if args.compiled and (args.mode != "train" or args.checkpoint != "none"):
        message = "`--compiled` tells what a training step keeps where nothing is checkpointed"
        raise Failure(COMPILED, message, "add `--mode train`, and leave `--checkpoint` out")
    if args.sweep is None:
        found = architecture.cost(args.mode, **how)
        text = getattr(found, args.format)(*([args.by] if args.by else []))
    else:
        text = getattr(_sweep(architecture, args, how), args.format)()
    output.write(text, args.output, never=architecture.loaded.sources)
    return 0


def _sweep(architecture: Architecture, args: Namespace, how: dict[str, Any]) -> Sweep:
    from tfspec.api import load
    from tfspec.passes.cost.sweep import among, sweep

    if args.by:
        message = "a sweep shows the whole model, and `--by` its parts"
        raise Failure(SWEEP, message, "leave one of them out")
    name, sizes = values_of(args.sweep, architecture)
    if fixed(name, architecture):
        models = [load(architecture, {name: size}).cost(args.mode, **how) for size in sizes]
        return among(models, name, sizes)
    first = load(architecture, {name: sizes[0]})  # so that a dim without an end has a size
    return sweep(first.cost(args.mode, **how), name, sizes)


VERB = Verb("tell what a model costs, as formulas", _EXAMPLES, _options, specs.with_spec(_run))
