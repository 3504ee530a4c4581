"""The page of exercises: every command in it prints what stands below it; and its numbers by hand.

`python -m tests.test_notes` writes the page's outputs anew.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from tfspec import api
from tfspec.cli import main

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "from-the-notes.md"
NOTES = ROOT / "examples" / "notes"
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)


def printed(command: str) -> str:
    """What `tfspec ... | grep -E PATTERN` prints, from the root of the repository."""
    call, _, filtered = command.partition(" | ")
    words, out = shlex.split(call), io.StringIO()
    assert words[0] == "tfspec"
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main(words[1:])
    lines = out.getvalue().splitlines()
    if filtered:
        grep, option, pattern = shlex.split(filtered)
        assert (grep, option) == ("grep", "-E")
        lines = [line for line in lines if re.search(pattern, line)]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def told(block: str) -> str:
    """A block with what its commands print."""
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(f"$ {command}\n{printed(command)}\n" for command in commands)


@pytest.mark.parametrize("block", BLOCK.findall(PAGE.read_text("utf-8")))
def test_the_page_shows_what_is_printed(block: str) -> None:
    assert block == told(block)


# ---- the same numbers, worked out by hand


def shapes(name: str, **sets: int) -> dict[str, tuple[int, ...]]:
    """The sizes behind each step of a spec at a batch of 1, by its label; the first of a label."""
    flow = api.load(str(NOTES / f"{name}.yaml"), {"B": 1, **sets}).shapes()
    found: dict[str, tuple[int, ...]] = {}
    for row in flow.rows:
        found.setdefault(row.label, flow.sizes(row))
    return found


@pytest.mark.parametrize("size", [48, 224, 256])
def test_patches(size: int) -> None:
    found, tokens = shapes("patches", H=size, W=size), (size // 16) ** 2
    assert tokens == {48: 9, 224: 196, 256: 256}[size]
    assert found["merge"] == (1, tokens, 16 * 16 * 3)
    assert found["tokens"] == (1, tokens + 1, 512)


def test_heads() -> None:
    assert shapes("encoder", d=512)["q"] == (1, 8, 5, 64)


def test_the_encoder_block() -> None:
    found = shapes("encoder")
    assert found["q"] == (1, 8, 5, 8)
    assert found["scores"] == (1, 8, 5, 5)
    assert found["linear up"] == (1, 5, 256)
    assert found["text"] == (1, 5, 64)
    maps, norms = 4 * (64 * 64 + 64), 2 * 2 * 64
    network = 64 * 256 + 256 + 256 * 64 + 64
    assert api.load(str(NOTES / "encoder.yaml")).shapes().params == maps + norms + network


def test_one_table_of_positions_for_both_sides() -> None:
    names = [
        name for name, _ in api.load(str(NOTES / "translation.yaml")).semantics.scope.concrete(int)
    ]
    assert names.count("places") == 1


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_time_steps(step: int) -> None:
    flow = api.load(str(NOTES / "translation.yaml"), {"B": 1, "S": 5, "T": step}).shapes()
    scores = [flow.sizes(row) for row in flow.rows if row.label == "scores"]
    assert scores == [(1, 8, 5, 5), (1, 8, step, step), (1, 8, step, 5)]
    assert flow.sizes(flow.rows[-2]) == (1, step, 1000)


if __name__ == "__main__":
    page = PAGE.read_text("utf-8")
    PAGE.write_text(BLOCK.sub(lambda block: told(block[0]), page), "utf-8")
