"""BERT's heads in examples/heads: each as published, by its number of parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfspec

FILES = sorted((Path(__file__).parents[1] / "examples" / "heads").glob("*.yaml"))
PARAMS = {
    "masked-word": 109_514_298,
    "classification": 109_482_240 + 3 * 769,
    "token-labels": 108_891_648 + 9 * 769,
    "answer-spans": 108_891_648 + 2 * 769,
}
"""Of transformers' BertForMaskedLM; else of its body, with the pooler or without, and the head."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_checked_and_has_one_output(path: Path) -> None:
    found = tfspec.load(str(path)).check()
    assert found.ok
    assert list(found.diagnostics) == []
    assert found.params == PARAMS[path.stem]
    assert len(tfspec.load(str(path)).semantics.outputs) == 1
