"""`tfspec check`: parse, validate, prove shapes, assert `expect`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tfspec.cli import console, sets, specs
from tfspec.cli.parser import format_option
from tfspec.cli.verb import Verb

if TYPE_CHECKING:
    from tfspec.api import Architecture

_EXAMPLES = """\
  tfspec check gpt2                          a bundled spec
  tfspec check a.yaml b.yaml                 several files
  tfspec check vit-b16 --set d=192,h=3       with other sizes
  tfspec check *.yaml --format github        as annotations of a pull request
  tfspec check model.yaml --format json      for programs
"""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("specs", metavar="SPEC", nargs="+", help=specs.SPEC_HELP)
    sets.option(parser)
    format_option(parser, "text", "json", "github")


def _run(args: Namespace) -> int:
    from tfspec.api import read

    every = [(path, read(path, args.sets)) for path in args.specs]
    _PRINT[args.format](every)
    return max(specs.exit_code(each.check().diagnostics) for _, each in every)


def _text(every: list[tuple[str, Architecture]]) -> None:
    for _, each in every:
        console.report(each.check().diagnostics, each.loaded.sources)
        if each.check().ok:
            console.write(_ok_line(each))


def _github(every: list[tuple[str, Architecture]]) -> None:
    from tfspec.diagnostics.machine import to_github

    for _, each in every:
        for diagnostic in each.check().diagnostics:
            console.write(to_github(diagnostic))
        if each.check().ok:
            console.write(_ok_line(each))


def _json(every: list[tuple[str, Architecture]]) -> None:
    from tfspec.diagnostics.machine import json_text

    console.write(json_text({"specs": [_object(path, each) for path, each in every]}))


def _object(path: str, architecture: Architecture) -> dict[str, Any]:
    from tfspec.diagnostics.machine import to_json

    checked = architecture.check()
    found = [to_json(each) for each in checked.diagnostics]
    return {"path": path, "ok": checked.ok, "params": checked.params, "diagnostics": found}


def _ok_line(architecture: Architecture) -> str:
    from tfspec.diagnostics.escape import escape

    graph, params = architecture.semantics, architecture.check().params
    mark = "\x1b[32mok\x1b[0m" if console.stdout_has_color() else "ok"
    return f"{mark}  {escape(graph.name)}: {params:,} parameters, {graph.signature_line()}"


_PRINT = {"text": _text, "json": _json, "github": _github}

VERB = Verb("parse, validate and prove the shapes of specs", _EXAMPLES, _options, _run)
