"""A kind of mistake, with the story that `tfspec explain CODE` tells."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass

RULES: dict[str, Rule] = {}
"""Every rule constructed so far, by code. A rule stands beside the check that reports it."""

_CODE = re.compile(r"TS\d{3}")
_UNEXPLAINED = ("tfspec.runtime", "tfspec.__main__")  # runtime imports torch; it reports no rule


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of mistake: what it is, why it is one, an example, and how to mend it.

    Constructing a rule registers it; a code that is taken is a bug (AssertionError).
    Codes: TS0xx file and YAML, TS1xx structure and names, TS2xx sizes and shapes,
    TS3xx expectations, TS4xx command line and targets, TS9xx not supported yet.
    """

    code: str
    title: str
    what: str
    why: str
    example: str
    mend: str

    def __post_init__(self) -> None:
        assert _CODE.fullmatch(self.code), f"a code reads TS000, not {self.code}"
        assert self.code not in RULES, f"{self.code} is taken by {RULES[self.code].title!r}"
        RULES[self.code] = self


def all_rules() -> list[Rule]:
    """Every rule of tfspec by code. Imports all of tfspec except what imports torch."""
    _import_below("tfspec")
    return [RULES[code] for code in sorted(RULES)]


def find(code: str) -> Rule | None:
    """The rule of a code as a user types it (`ts201`, `201`), or None."""
    wanted = code.strip().upper()
    wanted = f"TS{wanted}" if wanted.isdecimal() else wanted
    return {rule.code: rule for rule in all_rules()}.get(wanted)


def _import_below(package: str) -> None:
    module = importlib.import_module(package)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        name = f"{package}.{found.name}"
        if name not in _UNEXPLAINED:
            _import_below(name)
