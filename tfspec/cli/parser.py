"""The command line as arguments: argparse, with help that has examples and errors that help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from tfspec.cli import console
from tfspec.cli import verb as verbs
from tfspec.cli.failure import Failure
from tfspec.cli.verb import Verb
from tfspec.diagnostics import Rule, nearest
from tfspec.diagnostics.escape import quoted

CALL = Rule(
    "TS420",
    "a call that tfspec does not know",
    "The verb, an option or its value is unknown, or one is missing.",
    "Guessing what was meant could overwrite a file or print the answer to another question.",
    "tfspec chekc gpt2",
    "`tfspec --help` has the verbs, `tfspec VERB --help` their options.",
)

_ORDER = (
    "check",
    "shapes",
    "cost",
    "draw",
    "build",
    "report",
    "diff",
    "list",
    "show",
    "schema",
    "explain",
)
_HEAD = "tfspec: from a YAML spec of a Transformer to checked shapes and a PyTorch file"
_TAIL = """\
SPEC is a path, or the name of a bundled spec: `tfspec list` has them.
`tfspec VERB --help` says more. Exit codes: 0 fine, 1 the spec has errors, 2 the call is
wrong or a file cannot be read or written, 70 a bug in tfspec.
"""


def parse(argv: Sequence[str]) -> tuple[Verb, argparse.Namespace]:
    """The verb and its arguments. Raises Failure for a wrong call, SystemExit after --help."""
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        console.write(_help())
        raise SystemExit(0 if argv else 2)
    if name in ("-V", "--version"):
        from tfspec import __version__

        console.write(f"tfspec {__version__}")
        raise SystemExit(0)
    verb = verbs.find(_known(name))
    return verb, _parser(name, verb).parse_args(argv[1:])


def one_of(known: Iterable[str], what: str) -> Callable[[str], str]:
    """An argparse type: one of some words, with the nearest named for any other."""
    words = list(known)

    def convert(text: str) -> str:
        if text in words:
            return text
        near = nearest(text, words)
        helps = [*([f"did you mean `{near}`?"] if near else []), f"one of: {', '.join(words)}"]
        raise Failure(CALL, f"unknown {what} {quoted(text)}", *helps)

    return convert


def choice(parser: argparse.ArgumentParser, name: str, words: tuple[str, ...], what: str) -> None:
    """An option that takes one of some words, the first being the default."""
    parser.add_argument(
        name,
        type=one_of(words, name.lstrip("-")),
        default=words[0],
        metavar="|".join(words),
        help=f"{what} (default: {words[0]})",
    )


def format_option(parser: argparse.ArgumentParser, *formats: str) -> None:
    """`--format`, the first being the default."""
    parser.add_argument(
        "--format",
        type=one_of(formats, "format"),
        default=formats[0],
        metavar="|".join(formats),
        help=f"how to print it (default: {formats[0]})",
    )


def _known(name: str) -> str:
    known = verbs.names()
    if name in known:
        return name
    if name.startswith("-"):
        raise Failure(CALL, f"the verb comes first, before {quoted(name)}", _usage())
    raise Failure(CALL, f"unknown verb {quoted(name)}", *_choices(name, known))


def _choices(text: str, known: Sequence[str]) -> list[str]:
    near = nearest(text, known)
    return [f"did you mean `{near}`?"] if near else [f"one of: {', '.join(known)}"]


def _usage() -> str:
    return "usage: tfspec VERB SPEC [options]; `tfspec --help` has the verbs"


def _help() -> str:
    known = verbs.names()
    order = [name for name in _ORDER if name in known]
    order += [name for name in known if name not in order]
    rows = [f"  {name:<9} {verbs.find(name).summary}" for name in order]
    return "\n".join([_HEAD, "", "usage: tfspec VERB SPEC [options]", "", *rows, "", _TAIL])


def _parser(name: str, verb: Verb) -> _Parser:
    parser = _Parser(
        prog=f"tfspec {name}",
        description=f"{verb.summary[0].upper()}{verb.summary[1:]}.",
        epilog=f"examples:\n{verb.examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.options(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """argparse, but every error is a Failure, and an unknown option names the nearest one."""

    def parse_args(self, args: Sequence[str]) -> argparse.Namespace:  # pyright: ignore[reportIncompatibleMethodOverride]
        found, left = self.parse_known_intermixed_args(args)
        if left:
            raise self._unknown(left[0])
        return found

    def _print_message(self, message: str, file: object = None) -> None:
        console.write(message)  # argparse's own way ends well where nothing could be written

    def error(self, message: str) -> NoReturn:
        raise Failure(CALL, message, self._pointer())

    def _unknown(self, text: str) -> Failure:
        if not text.startswith("-"):
            return Failure(CALL, f"{quoted(text)} is one argument too many", self._pointer())
        option = text.partition("=")[0]
        known = [each for each in self._option_string_actions if each.startswith("--")]
        return Failure(CALL, f"unknown option {quoted(option)}", *_choices(option, known))

    def _pointer(self) -> str:
        return f"`{self.prog} --help` says what it takes"
