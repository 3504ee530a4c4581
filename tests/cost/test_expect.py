"""`expect` on FLOPs and on the cache: equalities and budgets, with the block that has most."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfspec
from tfspec.cli import main
from tfspec.passes.check import check
from tfspec.spec.load import load_text

LLAMA = {
    "params": 8_030_261_248,
    "flops": 158_140_695_838_720,
    "cache_bytes_per_token": 131_072,  # 2 (k, v) x 32 layers x 8 heads x 128 x 2 bytes
}


def found(folder: Path, base: str, **expect: float) -> list[tuple[str, str]]:
    file = folder / "mine.yaml"
    said = ", ".join(f"{key}: {value}" for key, value in expect.items())
    file.write_text(f"tfspec: 1\nname: mine\nextends: {base}\nexpect: {{{said}}}\n")
    return [(each.code, each.message) for each in tfspec.check(file).diagnostics]


def test_what_holds(tmp_path: Path) -> None:
    assert found(tmp_path, "llama-3-8b", **LLAMA) == []
    assert found(tmp_path, "llama-3-8b", **{f"max_{key}": n for key, n in LLAMA.items()}) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("params", "parameters"),
        ("flops", "FLOPs"),
        ("cache_bytes_per_token", "bytes of cache a token"),
    ],
)
def test_what_does_not(tmp_path: Path, key: str, words: str) -> None:
    value = LLAMA[key]
    assert found(tmp_path, "llama-3-8b", **{key: value - 1}) == [
        ("TS301", f"{value - 1:,} {words} are expected, and the spec has {value:,}")
    ]
    assert found(tmp_path, "llama-3-8b", **{f"max_{key}": value - 1}) == [
        ("TS302", f"at most {value - 1:,} {words} are allowed, and the spec has {value:,}")
    ]


def test_the_peak_of_a_step(tmp_path: Path) -> None:
    """At batch 1, every range at its end, in bf16 with AdamW, whatever is set."""
    memory = tfspec.load("gpt2", {"B": 1, "T": 1024}).cost("train", dtype="bf16").memory
    (peak,) = (each.value for each in memory if each.name == "peak_total")
    assert found(tmp_path, "gpt2", peak_bytes=peak, max_peak_bytes=peak) == []
    assert tfspec.check(tmp_path / "mine.yaml", {"B": 3, "T": 64}).ok
    assert found(tmp_path, "gpt2", max_peak_bytes=peak - 1) == [
        (
            "TS302",
            f"at most {peak - 1:,} bytes at the peak of a training step are allowed, and the spec"
            f" has {peak:,}",
        )
    ]
    ((help,),) = (each.help for each in tfspec.check(tmp_path / "mine.yaml").diagnostics)
    assert help.startswith("`blocks.*.mlp` keeps most for backward: ")


def test_the_block_that_has_most_is_named(tmp_path: Path) -> None:
    found(tmp_path, "gpt2", max_flops=1e11, max_params=1e8)
    helps = [each.help for each in tfspec.check(tmp_path / "mine.yaml").diagnostics]
    assert helps == [
        ("the largest part is `Layer × 12`: 212,600,881,152",),
        ("the largest part is `Layer × 12`: 85,054,464",),
    ]


@pytest.mark.parametrize("sets", [{}, {"T": 128}, {"B": 8}])
def test_it_speaks_of_batch_1_whatever_is_set(tmp_path: Path, sets: dict[str, int]) -> None:
    found(tmp_path, "gpt2", flops=291_648_307_200, cache_bytes_per_token=36_864)
    assert tfspec.check(tmp_path / "mine.yaml", sets).ok


def test_a_cache_that_is_not_built_yet_holds_no_budget(tmp_path: Path) -> None:
    ((code, message),) = found(tmp_path, "bert-base", max_cache_bytes_per_token=1)
    assert (code, "not causal" in message) == ("TS901", True)


@pytest.mark.parametrize("key", ["cache_bytes_per_token", "max_cache_bytes_per_token"])
def test_a_cache_that_is_not_there_is_told_at_its_expectation(key: str) -> None:
    text = (
        "tfspec: 1\nname: mine\ndims: {B: batch, T: 1..64, N: 8, d: 32, h: 4, V: 100}\n"
        "inputs: {tokens: ids(V) B T, image: float B N (d)}\n"
        "blocks:\n  layer: {do: [attend: {heads: h}]}\n"
        "streams:\n  text: [tokens, embed: d]\n"
        "  both: [concat: [text, image], stack: {of: layer, depth: 2}]\n"
        "outputs: {y: both}\nexpect: {" + key + ": 10}\n"
    )
    (told,) = check(load_text(text), {}).diagnostics
    assert told.message == (
        "`expect` speaks of a cache, and the model has none: a text beside other tokens in one "
        "value, `T + N`, is not supported yet in decoding"
    )
    assert told.primary is not None
    assert [(each.span.line, each.text) for each in (told.primary, *told.secondary)] == [
        (11, ""), (9, "because of this"),
    ]  # fmt: skip
    assert told.help == (f"leave `{key}` out",)


FROZEN = (
    "tfspec: 1\nname: mine\ndims: {B: batch, d: 32}\ninputs: {x: float B (d)}\n"
    "streams:\n  s: {do: [x, {linear: d}], freeze: true}\n"
    "outputs: {y: s}\nexpect: {max_peak_bytes: 10}\n"
)


def test_the_peak_of_what_is_frozen_is_refused_at_its_expectation() -> None:
    (told,) = check(load_text(FROZEN), {}).diagnostics
    assert told.message == (
        "`expect` speaks of a training step, and none is known: there is nothing to train on the "
        "way to any output"
    )
    assert told.primary is not None
    assert [each.span.line for each in (told.primary, *told.secondary)] == [8, 6]
    assert told.help == ("leave `max_peak_bytes` out",)


def test_a_peak_that_no_run_tells_has_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfspec.passes.cost.peaks.measured", lambda cost: "a reason")
    (told,) = check(load_text(FROZEN.replace(", freeze: true", "")), {}).diagnostics
    assert told.message == "a peak is not known, for a reason"
    assert told.help == ("leave `max_peak_bytes` out",)


def test_what_stands_before_the_text_is_no_token_of_it(tmp_path: Path) -> None:
    assert found(tmp_path, "dall-e", cache_bytes_per_token=2 * 2 * 64 * 3968) == []


def test_a_model_without_a_cache_keeps_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, "vit-b16", cache_bytes_per_token=0, max_cache_bytes_per_token=1) == []


def test_flops_need_a_largest_size(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "tfspec: 1\nname: mine\ndims: {B: batch, T: multiple(8), d: 8}\n"
        "inputs: {x: float B T (d)}\nstreams: {s: [x, {linear: 8}]}\noutputs: {y: s}\n"
        "expect: {max_flops: 1e9, params: 72}\n"
    )
    (only,) = tfspec.check(file).diagnostics
    assert only.code == "TS470"
    assert main(["check", str(file)]) == 1
