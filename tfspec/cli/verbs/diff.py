"""`tfspec diff A B`: how two architectures differ, and a gate on it for CI."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tfspec.cli import console, sets, specs
from tfspec.cli.failure import Failure
from tfspec.cli.parser import format_option
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Diagnostic, Rule
from tfspec.diagnostics.escape import quoted

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.passes.diff.diff import Component

BAD_LIMIT = Rule(
    "TS460",
    "a limit that cannot be read",
    "`--fail-on` takes `params>` with a number or a percentage, and has something else.",
    "A limit that is misread lets every change pass.",
    "tfspec diff gpt2 mine.yaml --fail-on params=1%",
    "Write `--fail-on 'params>1%'` or `--fail-on 'params>1e6'`, in quotes: the shell reads > too.",
)
OVER_LIMIT = Rule(
    "TS461",
    "a difference over a limit",
    "The two architectures differ in parameters by more than `--fail-on` allows.",
    "CI holds a change to its size this way.",
    "tfspec diff gpt2 vit-b16 --fail-on 'params>1%'",
    "Make the change smaller, or raise the limit.",
)
_EXAMPLES = """\
  tfspec diff gpt2 vit-b16                   two bundled specs
  tfspec diff old.yaml new.yaml              two files
  tfspec diff gpt2 gpt2 --set-b d=1024,h=16  one spec at two sizes
  tfspec diff old.yaml new.yaml --fail-on 'params>1%'    exit 1 where they differ by more
  tfspec diff old.yaml new.yaml --format json
"""
_LIMIT = re.compile(r"\s*params\s*>\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?)\s*(%?)\s*")
Limit = tuple[str, float, bool]
"""A limit as written, its number, and whether that is a percentage of A's."""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help=specs.SPEC_HELP)
    parser.add_argument("b", metavar="B", help="what is compared with it")
    sets.option(parser)
    sets.option(parser, "--set-a", "dims of A alone")
    sets.option(parser, "--set-b", "dims of B alone")
    parser.add_argument(
        "--fail-on",
        dest="limits",
        action="append",
        type=limit,
        default=[],
        metavar="params>LIMIT",
        help="exit 1 where parameters differ by more: 'params>1%%', 'params>1e6'",
    )
    format_option(parser, "text", "json")


def limit(text: str) -> Limit:
    """`params>1%` as a limit. Raises Failure."""
    found = _LIMIT.fullmatch(text)
    if found is None:
        help = "write 'params>1%' or 'params>1e6', in quotes: the shell reads > too"
        raise Failure(BAD_LIMIT, f"{quoted(text)} is no limit", help)
    return text.strip(), float(found[1]), bool(found[2])


def _run(args: Namespace) -> int:
    from tfspec.api import diff, read

    a, b = read(args.a), read(args.b)
    sides = [read(each, _sets(args, each, other)) for each, other in ((a, b), (b, a))]
    sides = [read(each, own) for each, own in zip(sides, (args.sets_a, args.sets_b), strict=True)]
    codes = [_problems(each) for each in _once(sides)]
    if any(codes):
        return max(codes)
    names = (args.a, args.b) if sides[0].semantics.name == sides[1].semantics.name else None
    found = diff(sides[0], sides[1], names=names)
    colored = console.stdout_has_color()
    console.write(found.json() if args.format == "json" else found.text(color=colored))
    over = [each for each in args.limits if _exceeds(found.params, each)]
    console.report(_told(found.params, each) for each in over)
    return int(bool(over))


def _sets(args: Namespace, one: Architecture, other: Architecture) -> dict[str, int | str]:
    """`--set` is for both: a dim that only the other has is left to it."""
    mine, others = (
        set(each.loaded.spec.dims) if each.loaded.spec else set[str]() for each in (one, other)
    )
    return {name: size for name, size in args.sets.items() if name in mine or name not in others}


def _once(sides: list[Architecture]) -> list[Architecture]:
    """Both, or one where they are the same file with the same dims: its messages come once."""
    alike = sides[0].loaded.sources == sides[1].loaded.sources and sides[0].sets == sides[1].sets
    return sides[:1] if alike else sides


def _problems(architecture: Architecture) -> int:
    """The messages of a spec, and the exit code for them."""
    found = architecture.check().diagnostics
    console.report(found, architecture.loaded.sources)
    return specs.exit_code(found)


def _exceeds(params: Component, limit: Limit) -> bool:
    _, number, relative = limit
    if not relative:
        return abs(params.difference) > number
    return params.percent is None or abs(params.percent) > number


def _told(params: Component, limit: Limit) -> Diagnostic:
    from tfspec.passes.diff.text import percent

    by = percent(params) if limit[2] else f"{params.difference:+,}"
    message = f"parameters differ by {by}, which is over the limit {quoted(limit[0])}"
    return Diagnostic(OVER_LIMIT, message, None)


VERB = Verb("tell how two specs differ", _EXAMPLES, _options, _run)
