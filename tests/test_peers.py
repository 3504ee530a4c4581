"""What public cost tools say: the rows that are committed, and how answers become rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROWS = BENCHMARKS / "results" / "peers.jsonl"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in ROWS.read_text("utf-8").splitlines()]


def test_every_tool_has_an_answer_or_a_reason_for_every_model() -> None:
    from peer_exact import models
    from peers import TOOLS, pinned

    versions = pinned()
    answered = {(row["model"], row["tool"]) for row in rows()}
    assert answered == {(model, tool) for model in models() for tool in ("tfspec", *TOOLS)}
    for row in rows():
        assert ("cannot" in row) != ("value" in row)
        assert row["tool"] == "tfspec" or row["version"] == versions[TOOLS[row["tool"]]]


def test_the_right_answers_are_those_of_today() -> None:
    from peer_exact import exact

    today = {model: exact(model) for model in {row["model"] for row in rows()}}
    stale = [
        row
        for row in rows()
        if "exact" in row and today[row["model"]][row["quantity"]] != row["exact"]
    ]
    assert stale == []


def test_the_page_has_the_table_as_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import peers

    monkeypatch.setattr(sys, "argv", ["peers.py", "--show", "--format", "md"])
    assert peers.main() == 0
    table = capsys.readouterr().out
    assert table.count("\n") > 40
    assert table in (BENCHMARKS / "README.md").read_text("utf-8")


def test_torch_counts_what_we_count() -> None:
    """FlopCounterMode on the meta device, on transformers' models; Llama's angles are a product."""
    wrong = {
        (row["model"], row["quantity"]): row["value"] - row["exact"]
        for row in rows()
        if row["tool"] == "FlopCounterMode, meta" and row["value"] != row["exact"]
    }
    angles = 2 * 64 * 4096
    assert wrong == {
        ("llama-3-8b", "forward FLOPs"): angles, ("mixtral-8x7b", "forward FLOPs"): angles,
    }  # fmt: skip


def test_a_mac_is_two_flops() -> None:
    from peers import judged

    said = {"forward MACs": 3.0, "parameters": 5.0, "forward MACs, beside": 1.0}
    assert judged(said, {"forward FLOPs": 8, "parameters": 5}) == [
        {
            "quantity": "forward FLOPs",
            "said": 3.0,
            "said_as": "forward MACs",
            "value": 6.0,
            "exact": 8,
            "error": -0.25,
        },
        {
            "quantity": "parameters",
            "said": 5.0,
            "said_as": "parameters",
            "value": 5.0,
            "exact": 5,
            "error": 0.0,
        },
    ]


def test_a_tool_that_fails_says_why(tmp_path: Path) -> None:
    """Its last line; here python finds no such tool."""
    from peers import in_its_own_process

    venv = Path(sys.executable).parents[1]
    assert in_its_own_process(venv, "nothing", '{"bytes": -1}') == "KeyError: 'nothing'"


def test_without_the_tools_the_way_to_them_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import peers

    given = ["peers.py", "--venv", f"{tmp_path}/none", "--results", f"{tmp_path}/rows.jsonl"]
    monkeypatch.setattr(sys, "argv", given)
    assert peers.main() == 2
    assert capsys.readouterr().err == (
        f"there is no {tmp_path}/none: run `python benchmarks/peers.py --install`\n"
    )
    assert not (tmp_path / "rows.jsonl").exists()
