"""`tfspec draw`: the figure of a model, as a picture, for other programs, or in a terminal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING

from tfspec.cli import console, output, sets, specs
from tfspec.cli.failure import Failure
from tfspec.cli.parser import choice, one_of
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule, nearest
from tfspec.diagnostics.escape import quoted

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.passes.draw.draw import Drawing

ENDING = Rule(
    "TS491",
    "a picture in a format that is not known",
    "`tfspec draw -o FILE` tells the format by the file's ending, and this one it does not know.",
    "A file whose content is not what its ending says opens nowhere.",
    "tfspec draw gpt2 -o gpt2.jpg",
    "Use one of .svg, .png, .pdf, .dot and .mmd; without -o the figure is drawn in the terminal.",
)

NO_RENDERER = Rule(
    "TS492",
    "a picture needs a package that is not installed",
    "PNG is made by resvg-py and PDF by svg2pdf-py, and tfspec itself does without them.",
    "tfspec is small, and most figures are SVG, which needs nothing.",
    "tfspec draw gpt2 -o gpt2.png",
    "pip install 'tfspec[png]' or 'tfspec[pdf]', or write an .svg.",
)

NO_GRAPHVIZ = Rule(
    "TS493",
    "a picture of ops needs Graphviz",
    "`--level ops` draws every op of a block, and the program `dot` of Graphviz lays them out.",
    "Ops may be tied to each other in any way, which no order of ours draws well.",
    "tfspec draw gpt2 --level ops -o gpt2.svg",
    "Install Graphviz; -o FILE.dot, the terminal and `--level blocks` do without it.",
)

_EXAMPLES = """\
  tfspec draw vit-b16 -o vit.svg             for a paper; .png .pdf .dot .mmd by the ending
  tfspec draw transformer-base -o fig1.svg   two columns and the edge between them
  tfspec draw lxmert --width column -o lxmert.pdf    for one column of a two-column paper
  tfspec draw gpt2                           in the terminal, as text
  tfspec draw gpt2 --set T=1024 --cost flops -o gpt2.svg    numbers, and shares of the FLOPs
  tfspec draw llama-3-8b --open mlp          one module drawn open
  tfspec draw gpt2 --open attention --level ops -o attention.svg    its every op
"""


def _options(parser: ArgumentParser) -> None:
    from tfspec.passes.draw.draw import DIRECTIONS, LEVELS
    from tfspec.passes.draw.fit import WIDTHS
    from tfspec.passes.draw.shares import QUANTITIES
    from tfspec.passes.draw.theme import THEMES

    specs.option(parser)
    sets.option(parser, what="bind or override dims, and show numbers")
    output.option(parser, "the figure")
    parser.add_argument(
        "--open",
        dest="opened",
        action="append",
        default=[],
        metavar="BLOCK",
        help="a block or module to draw open (default: the block of the main stack)",
    )
    choice(parser, "--level", LEVELS, "blocks; ops: each op of one, laid out by Graphviz")
    choice(
        parser,
        "--theme",
        tuple(THEMES),
        "colours; print: black lines that differ by their strokes, no background",
    )
    choice(parser, "--cost", QUANTITIES, "a bar in each box for its share of what is drawn")
    choice(parser, "--width", WIDTHS, "fit 180 mm; column: fit 85 mm, text of 5 pt or more")
    parser.add_argument(
        "--direction",
        type=one_of(DIRECTIONS, "direction"),
        metavar="|".join(DIRECTIONS),
        help="where the outputs are (default: up; in the terminal: down)",
    )


def _run(architecture: Architecture, args: Namespace) -> int:
    from tfspec.passes.draw.draw import FORMATS, PICTURES

    file = None if args.output == "-" else args.output
    ending = _ending(file, FORMATS) if file is not None else None
    _check_installed(ending)
    drawing = architecture.draw(
        *args.opened,
        level=args.level,
        theme=args.theme,
        cost=args.cost,
        width=args.width,
        direction=args.direction or ("up" if ending else "down"),
    )
    found = drawing.text() if ending is None else _made(drawing, ending)
    output.write(found, file, never=architecture.loaded.sources)
    if (ending is None and drawing.text_tangled) or (ending in PICTURES and drawing.tangled):
        by_dot = ending is not None and drawing.by_dot
        way_out = "" if by_dot else ": `-o FILE.dot` lets Graphviz lay it out"
        console.say(f"lines of this figure cross{way_out}")
    if ending in PICTURES and drawing.fitting is None:
        console.say(_too_large(drawing))
    return 0


def _too_large(drawing: Drawing) -> str:
    """What a reader of a page would otherwise find out."""
    from tfspec.passes.draw.fit import ROOMS

    room = ROOMS[drawing.width]
    most, size = (
        " × ".join(f"{x / 72 * 25.4:.0f}" for x in each) for each in (room.size, drawing.size)
    )
    small = f"in {most} mm its text would have less than {room.text} points"
    return f"this figure is {size} mm: {small}; `--open BLOCK` draws less"


def _made(drawing: Drawing, ending: str) -> str | bytes:
    from tfspec.passes.draw.graphviz import GraphvizError

    try:
        return drawing.format(ending)
    except GraphvizError as error:
        raise Failure(NO_GRAPHVIZ, error.message, *error.help) from None


def _ending(file: str, known: tuple[str, ...]) -> str:
    """The format that a file's ending names."""
    ending = PurePath(file).suffix.lower().removeprefix(".")
    if ending in known:
        return ending
    endings = ", ".join(f".{each}" for each in known)
    near = nearest(ending, known)
    helps = [f"did you mean `.{near}`?"] if near else []
    message = f"the output {quoted(file, 200)} has no ending that is a format"
    raise Failure(ENDING, message, *helps, f"formats: {endings}")


def _check_installed(ending: str | None) -> None:
    from tfspec.passes.draw.render import EXTRAS

    package, what = EXTRAS.get(ending or "", ("", ""))
    if package and find_spec(package) is None:
        message = f"{what} needs the package {quoted(package)}, and it is not installed"
        helps = f"pip install 'tfspec[{ending}]'", "or write an .svg, which needs nothing"
        raise Failure(NO_RENDERER, message, *helps)


VERB = Verb("draw the model as a figure", _EXAMPLES, _options, specs.with_spec(_run))
