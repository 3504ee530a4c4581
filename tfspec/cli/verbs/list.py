"""`tfspec list`: the bundled specs."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from tfspec.cli import console
from tfspec.cli.parser import format_option
from tfspec.cli.verb import Verb

_EXAMPLES = """\
  tfspec list
  tfspec list --format json
"""


def _options(parser: ArgumentParser) -> None:
    format_option(parser, "text", "json")


def _run(args: Namespace) -> int:
    from tfspec import zoo

    every = {name: _about(name) for name in zoo.names()}
    if args.format == "json":
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


def _about(name: str) -> str:
    from tfspec import zoo
    from tfspec.spec.source import Scalar, read

    source, _ = read(str(zoo.path(name)))
    about = source.root.get("about") if source and source.root else None
    return about.text if isinstance(about, Scalar) else ""


VERB = Verb("list the bundled specs", _EXAMPLES, _options, _run)
