"""Who tells of a frozen stream: figures, `diff`, refusals; and how `extends` freezes one."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfspec
from tests.freeze.specs import frozen
from tfspec.cli import main

EXAMPLES = Path("examples/frozen")


@pytest.mark.parametrize(
    ("name", "total", "trained"),
    [("linear-probe", 86_567_656, 769_000), ("llava-stage-1", 7_063_427_072, 20_979_712)],
)
def test_examples_train_what_was_published(name: str, total: int, trained: int) -> None:
    """A classifier of 768 features; the projector, two maps."""
    found = tfspec.load(EXAMPLES / f"{name}.yaml")
    assert found.check().ok
    assert list(found.check().diagnostics) == []
    graph = found.semantics
    assert (graph.facts.value(graph.params), graph.facts.value(graph.trained)) == (total, trained)


def test_figures_mark_what_is_frozen_once() -> None:
    """A card says it for all that is in it; boxes with weights say it, others do not."""
    drawing = tfspec.load(EXAMPLES / "linear-probe.yaml").draw()
    text = drawing.text()
    assert "─ Encode, frozen ─" in text or "─ Layer, frozen " in text
    assert text.count("frozen") == 5  # patches, the token, positions, the card, the last norm
    assert "parameters, of which 769,000 are trained" in " ".join(text.split())
    for each in (drawing.svg(), drawing.dot(), drawing.mmd()):
        assert each.count("frozen") >= 5
    assert "frozen" not in tfspec.draw("vit-b16").text()


def test_diff_tells_it() -> None:
    said = tfspec.diff("vit-b16", str(EXAMPLES / "linear-probe.yaml")).text()
    assert said == (
        "vit-b16 -> linear-probe: 86,567,656 parameters in both\n"
        "\n"
        "image\n"
        "  freeze                      none -> true"
    )


def test_the_report_has_it(tmp_path: Path) -> None:
    page = tfspec.report(EXAMPLES / "linear-probe.yaml").html()
    assert "frozen" in page


def test_nothing_to_train_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("tfspec: 1\nextends: gpt2\nname: all\nstreams: {text: {freeze: true}}\n")
    for call in (["cost", str(path), "--mode", "train"], ["build", str(path), "--loss=next-token"]):
        assert main(call) == 2
        said = capsys.readouterr().err
        where = "any output" if call[0] == "cost" else "the output `logits`"
        assert said == (
            f"error[TS475]: there is nothing to train on the way to {where}\n"
            f" --> {path}:4:18\n"
            "  |\n"
            "4 | streams: {text: {freeze: true}}\n"
            "  |                  ^^^^^^ what this has is frozen\n"
            "  = help: leave `freeze` out, or give the output a `linear` of its own\n"
        )
    assert main(["cost", str(path)]) == 0
    assert "0 of 124,439,808, the rest is frozen" in capsys.readouterr().out


def test_a_loss_of_an_output_that_trains_is_written() -> None:
    source = frozen("vit-b16", ["image"]).emit(loss="cross-entropy")
    assert "requires_grad_(False)" in source
