"""`tfspec list`: the bundled specs, or the targets."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tfspec.cli import console
from tfspec.cli.parser import format_option
from tfspec.cli.verb import Verb

if TYPE_CHECKING:
    from tfspec.targets import Target

_EXAMPLES = """\
  tfspec list
  tfspec list --format json
  tfspec list --targets        the machines that `tfspec build --target` knows
"""


def _options(parser: ArgumentParser) -> None:
    format_option(parser, "text", "json")
    parser.add_argument("--targets", action="store_true", help="the targets, not the specs")


def _run(args: Namespace) -> int:
    return _targets(args.format) if args.targets else _specs(args.format)


def _specs(form: str) -> int:
    from tfspec import zoo

    every = {name: _about(name) for name in zoo.names()}
    if form == "json":
        rows = [
            {"name": name, "about": about, "path": str(zoo.path(name))}
            for name, about in every.items()
        ]
        console.write(json.dumps({"specs": rows}, indent=2, ensure_ascii=False))
        return 0
    width = max(map(len, every), default=0)
    for name, about in every.items():
        console.write(f"{name:<{width}}  {about}")
    return 0


def _targets(form: str) -> int:
    from tfspec.targets import AUTO, chosen, sheets
    from tfspec.targets.custom import FORM

    here = chosen(sheets())
    if form == "json":
        rows = [sheet.as_json() for sheet in sheets().values()]
        auto = {"name": here.target.name, "why": here.why}
        console.write(json.dumps({"targets": rows, AUTO: auto}, indent=2))
        return 0
    for sheet in sheets().values():
        console.write(f"{sheet.name:<9}{sheet.about:<20}{_sheet(sheet)}".rstrip())
    console.write(f"{AUTO:<9}here: {here.target.name} ({here.why})")
    form = "".join(f"  {line}\n" for line in FORM.splitlines())
    console.write(f"\nA machine of your own is a YAML file, `--target mine.yaml`:\n\n{form}")
    return 0


def _sheet(sheet: Target) -> str:
    """Peaks on a line, and whether anyone has seen them."""
    if not sheet.tflops:
        return ""
    rates = ", ".join(f"{dtype} {rate:g}" for dtype, rate in sheet.tflops.items())
    memory = f"{sheet.memory_gb:g} GB at {sheet.bandwidth_gb_per_s:,g} GB/s"
    seen = "" if sheet.measured else "; not measured"
    return f"{memory}; TFLOP/s: {rates}{seen}"


def _about(name: str) -> str:
    from tfspec import zoo
    from tfspec.spec.source import Scalar, read

    source, _ = read(str(zoo.path(name)))
    about = source.root.get("about") if source and source.root else None
    return about.text if isinstance(about, Scalar) else ""


VERB = Verb("list the bundled specs, or the targets", _EXAMPLES, _options, _run)
