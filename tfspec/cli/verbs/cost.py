"""`tfspec cost`: parameters, FLOPs and memory, each as a formula and as a number."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tfspec.cli import output, sets, specs, target
from tfspec.cli.failure import Failure
from tfspec.cli.parser import choice, format_option, one_of
from tfspec.cli.sweep import SWEEP, fixed, values_of
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.passes.cost.sweep import Sweep

ONLY_TRAINED = Rule(
    "TS474",
    "an option that is about training",
    "`--checkpoint` is given where nothing runs backward.",
    "It would change nothing, and a number would be quoted as one with checkpointing.",
    "tfspec cost gpt2 --checkpoint block",
    "Ask for `--mode train`.",
)
COMPILED = Rule(
    "TS479",
    "nothing that a compiled step keeps",
    "`--compiled` is about a training step that is compiled as a whole, without checkpointing, "
    "`--eager` or `--fit`.",
    "Other modes keep nothing for backward, and of compiled steps no peak is known.",
    "tfspec cost gpt2 --mode decode --compiled",
    "Write `tfspec cost gpt2 --mode train --compiled`.",
)
_EXAMPLES = """\
  tfspec cost bert-base                      parameters, FLOPs, shares by module, formulas
  tfspec cost vit-b16 --set B=256 --mode train --dtype bf16
  tfspec cost llama-3-8b --mode decode --set B=8,T=8192    one token, and the cache
  tfspec cost llama-3-8b --mode train --checkpoint block   what is kept then, and the peak
  tfspec cost gpt2 --mode train --compiled                 what torch.compile keeps
  tfspec cost gpt2 --by kind                 equal work together
  tfspec cost llama-3-8b --sweep T=1024..8192 --format csv
  tfspec cost vit-b16 --format latex         for a paper
  tfspec cost llama-3-8b --mode decode --dtype bf16 --target h200    how long, and what bounds it
  tfspec cost gpt2 --mode train --target h200 --fit                  the largest batch and length
  tfspec cost gpt2 --mode train --target mine.yaml --tokens 300e9 --gpus 8    a whole run
"""


def _options(parser: ArgumentParser) -> None:
    from tfspec.api import STYLES
    from tfspec.passes.cost.groups import GROUPS
    from tfspec.passes.cost.report import MODES
    from tfspec.passes.cost.sizes import OPTIMIZERS, PRECISIONS
    from tfspec.passes.memory.checkpointing import CHECKPOINTS

    specs.option(parser)
    sets.option(parser)
    choice(parser, "--mode", MODES, "what the model does")
    choice(parser, "--dtype", tuple(PRECISIONS), "bytes of a number")
    choice(parser, "--optimizer", tuple(OPTIMIZERS), "what training keeps for each parameter")
    choice(parser, "--style", STYLES, "fused attention, or eager: every score written and kept")
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
    target.options(parser)
    format_option(parser, "text", "json", "csv", "latex")
    output.option(parser, "the costs")


def _run(architecture: Architecture, args: Namespace) -> int:
    if args.checkpoint != "none" and args.mode != "train":
        message = f"`--checkpoint {args.checkpoint}` is about training, and the mode is {args.mode}"
        raise Failure(ONLY_TRAINED, message, "add `--mode train`, or leave `--checkpoint` out")
    if args.compiled:
        _check_compiled(args)
    how = {name: getattr(args, name) for name in ("dtype", "optimizer", "style", "checkpoint")}
    how |= target.how(args)
    if args.sweep is None:
        found = architecture.cost(args.mode, **how)
        text = getattr(found, args.format)(*([args.by] if args.by else []))
    else:
        text = getattr(_sweep(architecture, args, how), args.format)()
    output.write(text, args.output, never=architecture.loaded.sources)
    return 0


def _check_compiled(args: Namespace) -> None:
    beside = next((name for name in ("eager", "fit") if getattr(args, name)), None)
    if args.mode != "train":
        message = f"`--compiled` is about training, and the mode is {args.mode}"
        raise Failure(COMPILED, message, "add `--mode train`, or leave `--compiled` out")
    if args.checkpoint != "none" or beside:
        other = beside or f"checkpoint {args.checkpoint}"
        message = f"`--compiled` and `--{other}` are not told together"
        raise Failure(COMPILED, message, "leave one of them out")


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
