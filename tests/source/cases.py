"""What the tables of bad texts share: a case is a name, a text, and the whole message for it."""

from textwrap import dedent
from typing import Any

import pytest
import yaml

from tfspec.diagnostics.text import render
from tfspec.spec import yaml_reader
from tfspec.spec.source import parse_text

PARSERS = {
    "libyaml": getattr(yaml, "CBaseLoader", yaml.BaseLoader),
    "python": yaml.BaseLoader,
}


def case(name: str, text: str, message: str) -> Any:
    """One row: the message stands indented between line breaks, as it reads on a terminal."""
    return pytest.param(text, dedent(message).strip("\n") + "\n", id=name)


def messages(text: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a user reads of a text in `a.yaml`; nothing where it is fine."""
    monkeypatch.setattr(yaml_reader, "LOADER", PARSERS[parser])
    source, found = parse_text(text, "a.yaml")
    return render(found, {"a.yaml": source.text})
