"""`tfspec show`: the text of a spec."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tfspec.cli import console, output, specs
from tfspec.cli.verb import Verb

_EXAMPLES = """\
  tfspec show gpt2
  tfspec show gpt2 -o mine.yaml              a start for a spec of your own
"""


def _options(parser: ArgumentParser) -> None:
    specs.option(parser)
    output.option(parser, "the text")


def _run(args: Namespace) -> int:
    from tfspec.diagnostics import Diagnostic
    from tfspec.spec.load import find
    from tfspec.spec.source import read

    file = find(args.spec)
    source, found = (None, [file]) if isinstance(file, Diagnostic) else read(file)
    if source is None:  # a text with errors in it is shown as it is
        console.report(found)
        return specs.exit_code(found)
    output.write(source.text, args.output, never=[source.file])
    return 0


VERB = Verb("print the text of a spec", _EXAMPLES, _options, _run)
