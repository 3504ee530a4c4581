"""What a YAML parser could not read, said in plain words, with its place and a way out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import chain

from yaml.error import MarkedYAMLError

from tfspec.diagnostics import Diagnostic, Label, Span
from tfspec.spec import yaml_syntax_blocks, yaml_syntax_brackets, yaml_syntax_words
from tfspec.spec.yaml_trouble import Trouble, says

_WIDE_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")

Explainer = Callable[[Trouble], Diagnostic | None]

_EXPLAINERS: tuple[Explainer, ...] = (
    *yaml_syntax_words.EXPLAINERS,
    *yaml_syntax_brackets.EXPLAINERS,
    *yaml_syntax_blocks.EXPLAINERS,
)


def explain_syntax(error: Exception, text: str, file: str) -> Diagnostic:
    """The parser's error as a diagnostic: the first explanation that fits.

    Explainers look at the text around the places that the error names, and at its words only
    to tell apart what the text does not; so both parsers of PyYAML give the same message.
    """
    trouble = Trouble.of(error if isinstance(error, MarkedYAMLError) else None, text, file)
    if not isinstance(error, MarkedYAMLError):
        return _no_character(trouble)
    found = chain((explain(trouble) for explain in _EXPLAINERS), (_unexplained(trouble),))
    return next(diagnostic for diagnostic in found if diagnostic)


def _no_character(trouble: Trouble) -> Diagnostic:
    """An escape beyond Unicode, at which the pure Python parser raises ValueError."""
    for number, line in enumerate(trouble.lines):
        for found in _WIDE_ESCAPE.finditer(line):
            if int(found[1], 16) > sys.maxunicode:
                place = trouble.span(number, found.start(), len(found[0]))
                return yaml_syntax_words.bad_escape(found[0], Label(place))
    return says("this is not YAML", Label(Span.whole(trouble.file)))


def _unexplained(trouble: Trouble) -> Diagnostic:
    return says(f"this is not YAML: {trouble.problem}", trouble.at())
