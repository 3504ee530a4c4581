"""What a verb is, and which there are: one module of `tfspec.cli.verbs` each."""

from __future__ import annotations

import importlib
import pkgutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """`tfspec NAME ...`: `options` declares what it takes, `run` returns the exit code."""

    summary: str
    examples: str
    options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def names() -> list[str]:
    """Every verb, by name."""
    import tfspec.cli.verbs as package

    return sorted(found.name for found in pkgutil.iter_modules(package.__path__))


def find(name: str) -> Verb:
    """The verb of a name that `names` has."""
    return importlib.import_module(f"tfspec.cli.verbs.{name}").VERB
