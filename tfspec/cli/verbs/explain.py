"""`tfspec explain`: the story behind a diagnostic's code."""

from __future__ import annotations

import json
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from dataclasses import asdict

from tfspec.cli import console
from tfspec.cli.failure import Failure
from tfspec.cli.parser import CALL, format_option
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule, all_rules, find, nearest
from tfspec.diagnostics.escape import quoted

_EXAMPLES = """\
  tfspec explain TS201
  tfspec explain                             every code with its title
"""
_WIDTH = 80


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="as in a message: TS201")
    format_option(parser, "text", "json")


def _run(args: Namespace) -> int:
    rules = all_rules() if args.code is None else [_found(args.code)]
    if args.format == "json":
        console.write(json.dumps({"rules": [asdict(rule) for rule in rules]}, indent=2))
    elif args.code is None:
        console.write("\n".join(f"{rule.code}  {rule.title}" for rule in rules))
    else:
        console.write("\n\n".join(_story(rules[0])))
    return 0


def _found(code: str) -> Rule:
    rule = find(code)
    if rule is None:
        near = nearest(code, [rule.code for rule in all_rules()])
        help = f"did you mean `{near}`?" if near else "`tfspec explain` lists every code"
        raise Failure(CALL, f"unknown code {quoted(code)}", help)
    return rule


def _story(rule: Rule) -> Iterable[str]:
    yield f"{rule.code}: {rule.title}"
    yield textwrap.fill(rule.what, _WIDTH)
    yield textwrap.fill(f"Why: {rule.why}", _WIDTH)
    yield "For example:\n" + textwrap.indent(rule.example, "    ")
    yield textwrap.fill(f"To mend it: {rule.mend}", _WIDTH)


VERB = Verb("tell the story behind a code", _EXAMPLES, _options, _run)
