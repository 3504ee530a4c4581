"""The benchmark of tfspec's own speed measures what it says: a row for each bundled spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfspec import zoo


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))


def test_every_bundled_spec_is_checked_beside_a_reading_of_its_file() -> None:
    from tool import files

    rows = [measure() for measure in files(repeats=1)]
    assert [row.what for row in rows] == [f"file, {name}" for name in zoo.names()]
    assert all(row.tfspec_s > 0 and row.peer_s > 0 for row in rows)
