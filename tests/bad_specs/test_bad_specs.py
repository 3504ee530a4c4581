"""Specs with a mistake, and the whole message for each, written by hand at the end of the file.

A file is a spec, then as comments the command and what a user reads. Nothing here is updated by a
tool: whoever changes a message reads it in every file where it stands, as a user would.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tfspec.cli import main
from tfspec.diagnostics import all_rules

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))
COMMAND = "# $ tfspec "


def session(path: Path) -> tuple[list[str], str]:
    """The command at the end of a file, and what it prints."""
    _, _, written = path.read_text("utf-8").partition(f"\n{COMMAND}")
    command, *said = written.splitlines()
    assert all(line == "#" or line.startswith("# ") for line in said), path.name
    return command.split(), "".join(f"{line[2:]}\n" for line in said)


@pytest.fixture(autouse=True)
def in_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name files as the command does."""
    monkeypatch.chdir(FOLDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_whole_message(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, expected = session(path)
    assert command[:2] == ["check", path.name]
    code = main(command)
    said = capsys.readouterr()
    assert said.err == expected
    wrong_call = "error[TS4" in expected
    assert code == (2 if wrong_call else 1 if "error[" in expected else 0)
    assert not code or not said.out


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_machines_are_told_the_same(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, expected = session(path)
    main([*command, "--format", "json"])
    (spec,) = json.loads(capsys.readouterr().out)["specs"]
    titles = [f"{d['severity']}[{d['code']}]: {d['message']}" for d in spec["diagnostics"]]
    assert titles == re.findall(r"^(?:error|note)\[.*", expected, re.MULTILINE)
    assert spec["ok"] == ("error[" not in expected)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_messages_are_sentences_with_a_place(path: Path) -> None:
    for page in session(path)[1].rstrip("\n").split("\n\n"):
        title, *lines = page.split("\n")
        assert not title.endswith("."), title
        assert len(title) < 200, title
        placed = not re.match(r"error\[TS4|note\[TS310", title)  # these are about `--set`
        assert not placed or lines[0].lstrip().startswith(f"--> {path.name}:"), title


def test_every_rule_of_sizes_and_shapes_has_a_file() -> None:
    told = {code for path in FILES for code in re.findall(r"\[(TS\d+)\]", session(path)[1])}
    rules = {rule.code for rule in all_rules() if rule.code[2] in "239"}
    outside = {code for code in rules if code.startswith("TS99")}  # a test's own, if it has run
    assert told >= rules - outside
