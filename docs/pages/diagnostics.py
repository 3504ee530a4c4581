"""The page of messages: every rule, with what a user reads where a bad spec of the tests has it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docs.pages import markdown
from docs.pages.markdown import code, table
from tfspec.diagnostics import Rule, all_rules

ABOUT = (
    "Every message has a code; `tfspec explain CODE` tells its story. TS0xx are of files and YAML, "
    "TS1xx of structure and names, TS2xx of sizes and shapes, TS3xx of expectations, TS4xx of the "
    "command line and targets, TS9xx of what is not supported yet."
)
BAD = Path(__file__).parents[2] / "tests" / "bad_specs"


def own() -> list[Rule]:
    """tfspec's rules. TS99x are free for packages from outside."""
    return [rule for rule in all_rules() if not rule.code.startswith("TS99")]


def page() -> str:
    listed = table(("code", "is"), ((f"[{r.code}](#{r.code.lower()})", r.title) for r in own()))
    return markdown.page("Diagnostics", ABOUT, listed, *map(_section, own()))


def _section(rule: Rule) -> str:
    message = messages().get(rule.code)
    return "\n\n".join(
        [
            f"## {rule.code}",
            f"**{rule.title[:1].upper()}{rule.title[1:]}.** {rule.what} {rule.why}",
            code(rule.example),
            *([code(message)] if message else []),
            f"To mend it: {rule.mend}",
        ]
    )


@cache
def messages() -> dict[str, str]:
    """By code, the message of the first bad spec that has this one alone, or begins with it."""
    alone: dict[str, str] = {}
    first: dict[str, str] = {}
    for path in sorted(BAD.glob("*.yaml")):
        _, _, written = path.read_text("utf-8").partition("\n# $ tfspec ")
        said = "\n".join(line[2:] for line in written.splitlines()[1:])
        message, *more = said.split("\n\n")
        if match := re.match(r"\w+\[(TS\d+)\]", message):
            (first if more else alone).setdefault(match[1], message)
    return first | alone
