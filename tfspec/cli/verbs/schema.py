"""`tfspec schema`: the JSON Schema of the language, for editors."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from tfspec.cli import output
from tfspec.cli.verb import Verb

_EXAMPLES = """\
  tfspec schema -o schema.json
  and as the first line of a spec:  # yaml-language-server: $schema=./schema.json
"""


def _options(parser: ArgumentParser) -> None:
    output.option(parser, "the schema")


def _run(args: Namespace) -> int:
    from tfspec.spec.schema import json_schema

    output.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", args.output)
    return 0


VERB = Verb("print the JSON Schema of the language", _EXAMPLES, _options, _run)
