"""`--set T=1024,layers=2`: dims bound or overridden on the command line."""

from __future__ import annotations

import re
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from tfspec.cli.failure import Failure
from tfspec.diagnostics import Rule
from tfspec.diagnostics.escape import quoted

SETTING = Rule(
    "TS421",
    "a `--set` that cannot be read",
    "`--set` takes NAME=SIZE, several with commas: a number, or what `dims` takes.",
    "A size that is taken for another one gives answers about another model.",
    "tfspec check gpt2 --set T:1024",
    "Write `--set T=1024`, `--set T=1024,L=2` or `--set T=1..64`; quote spaces and brackets.",
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGER = re.compile(r"-?[0-9]{1,18}")  # a longer one is text: the spec's own reader refuses it
_FORM = "write NAME=SIZE, several with commas: `--set T=1024,L=2`"


def option(
    parser: ArgumentParser, name: str = "--set", what: str = "bind or override dims"
) -> None:
    """`--set`, as often as wanted; `args.sets` maps each name to its size (`--set-a`: `sets_a`)."""
    parser.add_argument(
        name,
        dest=f"sets{name.removeprefix('--set').replace('-', '_')}",
        action=_Collect,
        default={},
        metavar="NAME=SIZE[,...]",
        help=f"{what}: T=1024,L=2",
    )


def parse(text: str) -> Iterator[tuple[str, int | str]]:
    """Each name with its size: an int where it is a number, else the text of a declaration."""
    for item in text.split(","):
        name, equals, size = (part.strip() for part in item.partition("="))
        if not equals or not size or not _NAME.fullmatch(name):
            raise Failure(SETTING, f"{quoted(item.strip())} is not a setting of a dim", _FORM)
        yield name, int(size) if _INTEGER.fullmatch(size) else size


class _Collect(Action):
    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        sets = dict[str, int | str](getattr(namespace, self.dest))
        for name, size in parse(str(values)):
            if name in sets:
                raise Failure(SETTING, f"`{name}` is set twice", "set each dim once")
            sets[name] = size
        setattr(namespace, self.dest, sets)
