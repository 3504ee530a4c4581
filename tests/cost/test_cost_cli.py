"""`tfspec cost` on the command line: what it prints, in each format, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

import tfspec
from tfspec.cli import main
from tfspec.shadow import vocabulary


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["cost", *words])
    return code, *capsys.readouterr()


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "gpt2", "--set", "B=1,T=128", "--by", "layer")
    assert (code, err) == (0, "")
    rows = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, rows)) <= 100
    assert rows[0] == "gpt2, forward: 124,439,808 parameters, 32.23 GFLOPs (16.11 GMACs)"
    assert "= 4·B·L·T²·d + 8·B·L·T·d² + 4·B·L·T·d·f + 2·B·T·V·d" in out
    assert "in T, the length, FLOPs grow as O(T²·d)" in out
    assert "Convention: a multiply-add is 2 FLOPs" in out


@pytest.mark.parametrize("mode", ["forward", "train", "prefill", "decode"])
def test_every_format_of_every_mode(capsys: pytest.CaptureFixture[str], mode: str) -> None:
    for form in ("text", "json", "csv", "latex"):
        for more in ([], ["--sweep", "T=64..1024"]):
            code, out, err = run(capsys, "gpt2", "--mode", mode, "--format", form, *more)
            assert (code, err) == (0, "")
            assert out.endswith("\n")
            assert not out.endswith("\n\n")


def test_json_has_the_keys_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "vit-b16", "--mode", "train", "--dtype", "mixed", "--format", "json")
    found = json.loads(out)
    assert {"name", "dims", "convention", "params", "flops", "memory"} <= found.keys()
    assert found["params"] | {"formula": ""} == {
        "total": 86567656,
        "active": 86567656,
        "trained": 86567656,
        "formula": "",
    }
    assert {"forward", "backward", "formula", "by_module"} <= found["flops"].keys()
    assert found["flops"]["forward"] == 35127656448
    # mixed precision with AdamW: 16 bytes a parameter (Rajbhandari et al. 2019)
    states = [found["memory"][name] for name in ("weights", "gradients", "optimizer")]
    assert sum(states) == 16 * 86567656


def test_optimizers_and_dtypes(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"fp32": 4, "bf16": 2, "fp16": 2, "mixed": 4}
    states = {"adamw": 2, "sgd": 0, "momentum": 1, "lion": 1}
    for dtype, size in sizes.items():
        for optimizer, count in states.items():
            words = ("gpt2", "--mode", "train", "--dtype", dtype, "--optimizer", optimizer)
            memory = json.loads(run(capsys, *words, "--format", "json")[1])["memory"]
            kinds = [memory[name] for name in ("weights", "gradients", "optimizer")]
            assert sum(kinds) == 124439808 * size * (2 + count)


def test_a_sweep_is_the_cost_at_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("llama-3-8b", "--mode", "decode", "--format")
    _, out, _ = run(capsys, *words, "csv", "--sweep", "T=1024..8192")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["T"] for row in rows] == ["1024", "2048", "4096", "8192"]
    for row in rows:
        _, out, _ = run(capsys, *words, "json", "--set", f"T={row['T']}")
        found = json.loads(out)
        assert int(row["forward_flops"]) == found["flops"]["forward"]
        assert int(row["cache_bytes"]) == found["memory"]["cache"]


def test_a_sweep_over_a_width_is_one_model_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "gpt2", "--format", "csv", "--sweep", "d=192..768")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["d"] for row in rows] == ["192", "384", "768"]
    assert rows[-1]["parameters"] == "124439808"
    assert rows[-1]["forward_flops"] == "291648307200"
    _, out, _ = run(capsys, "gpt2", "--format", "json", "--set", "d=192")
    assert int(rows[0]["forward_flops"]) == json.loads(out)["flops"]["forward"]


def test_a_sweep_over_an_images_height(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("vit-b16", "--set", "H=multiple(16) <= 448", "--format")
    _, out, _ = run(capsys, *words, "csv", "--sweep", "H=224..448")
    first = next(csv.DictReader(io.StringIO(out)))
    assert (first["H"], first["forward_flops"]) == ("224", "35127656448")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("gpt2 --mode trane", 2, "unknown mode `trane`"),
        ("gpt2 --dtype bf61", 2, "unknown dtype `bf61`"),
        ("gpt2 --optimizer adamv", 2, "unknown optimizer `adamv`"),
        ("gpt2 --by modul", 2, "unknown group `modul`"),
        ("gpt2 --set T=1025", 1, "`T` is declared as 1..1024, and 1025 is none of its sizes"),
        ("gpt2 --set B=max", 1, "`B` is declared as batch, and has no largest size"),
        ("gpt2 --sweep T", 2, "`T` is no sweep"),
        ("gpt2 --sweep t=1..8", 2, "there is no dim `t`"),
        ("gpt2 --sweep d=1..8", 1, "width 1 cannot be split into 12 heads"),
        ("gpt2 --sweep L=1..1000:900", 2, "900 points are 900 models"),
        ("gpt2 --set d=max", 1, "`d` is declared as 768, and has one size"),
        ("gpt2 --sweep T=8..1", 2, "`T=8..1` runs from 8 to 1"),
        ("gpt2 --sweep T=1..8 --by layer", 2, "a sweep shows the whole model"),
        ("gpt2 --sweep T=1..2048", 2, "`T` is declared as 1..1024, and 2048 is none of its sizes"),
        ("gpt2 --sweep B=1..9:1000000000", 2, "1000000000 points are not between 2 and 10,000"),
        ("gpt2 --set T=4 --sweep T=1..8", 2, "`T` is swept and set"),
        ("vit-b16 --mode decode", 2, "vit-b16 reads no text, and cannot decode"),
        ("swin-t --set H=multiple(224)", 2, "`H` is declared as multiple(224), and has no largest"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], words: str, code: int, message: str
) -> None:
    found, out, err = run(capsys, *words.split())
    assert (found, out) == (code, "")
    assert message in err
    assert "help:" in err


def test_a_cache_that_is_unknown_is_refused_in_prefill_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for mode in ("prefill", "decode"):
        code, out, err = run(capsys, "clip-vit-b32", "--mode", mode)
        assert (code, out) == (1, "")
        assert err.startswith(
            "error[TS901]: `take first(tokens == end)` is not supported yet in decoding\n"
        )


def test_max_is_the_end_of_a_range(capsys: pytest.CaptureFixture[str]) -> None:
    _, largest, _ = run(capsys, "gpt2", "--set", "B=1,T=max", "--format", "json")
    _, same, _ = run(capsys, "gpt2", "--set", "B=1,T=1024", "--format", "json")
    assert largest == same


@pytest.mark.parametrize("by", ["module", "layer", "step", "kind"])
@pytest.mark.parametrize("name", ["swin-t", "transformer-base"])
def test_every_row_has_a_path_of_its_own(
    name: str, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, name, "--format", "json", "--by", by)
    paths = [row["path"] for row in json.loads(out)["flops"]["by_module"]]
    assert len(paths) == len(set(paths)) > 3


def test_the_second_of_equal_rows_is_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "swin-t", "--format", "csv", "--by", "layer")
    paths = [row["path"] for row in csv.DictReader(io.StringIO(out))]
    stack = "image / Local, Shifted"
    assert [path for path in paths if path.startswith(stack)][2:5] == [
        f"{stack} / Shifted", f"{stack} (2)", f"{stack} (2) / Local",
    ]  # fmt: skip


def memory_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = run(capsys, *words, "--format", "json")
    assert (code, err) == (0, "")
    return json.loads(out)["memory"]


def test_a_peak_is_a_number_with_its_terms(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--mode", "train", "--set", "B=8,T=1024")
    memory = memory_of(capsys, *words)
    assert memory["activations"] + memory["loss"] == 6_535_348_228 + 4  # the loss itself
    assert memory["peak"] == 11_475_812_360 - 4 * 8 * 1024 * 50257  # nothing holds the logits
    assert memory["peak_total"] == memory["peak"] + memory["weights"] + memory["optimizer"]
    assert memory["peak_where"] == "in the backward, log_softmax_backward"
    _, out, _ = run(capsys, *words)
    lines = out.splitlines()
    at = lines.index("peak         9.83 GB")
    assert lines[at + 1 : at + 5] == [
        "             = in the backward, log_softmax_backward: logits and loss 4.94 GB, kept for backward",
        "               4.89 GB",
        "peak_total   11.32 GB",
        "             = in the backward, log_softmax_backward, with weights and optimizer",
    ]
    assert max(map(len, lines)) <= 100


def test_a_forward_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    memory = memory_of(capsys, "gpt2", "--set", "B=1,T=1024")
    logits = 4 * 1024 * 50257
    assert memory["peak"] == logits + 2 * 4 * 1024 * 768  # beside the last block's and the norm's
    assert memory["peak_total"] == memory["peak"] + memory["weights"]


def test_checkpointing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("llama-3-8b", "--mode", "train", "--dtype", "bf16", "--set", "T=4096", "--checkpoint")
    kept = {how: memory_of(capsys, *words, how) for how in ("none", "block", "full")}
    layer = 2 * 4096 * 4096
    assert kept["block"]["activations"] - kept["full"]["activations"] == 31 * layer
    assert kept["none"]["activations"] > 20 * kept["block"]["activations"]
    assert kept["none"]["loss"] == kept["block"]["loss"] == kept["full"]["loss"]
    assert kept["block"]["peak"] < kept["full"]["peak"]
    _, out, _ = run(capsys, *words, "block")
    assert (
        "= what goes into each layer, which runs again in backward, and all that is in none" in out
    )


def test_checkpointing_by_another_word(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "gpt2", "--checkpoint", "blok")
    assert (code, out) == (2, "")
    assert "did you mean `block`?" in err


@pytest.mark.parametrize("mode", ["forward", "prefill", "decode"])
def test_checkpointing_is_about_training(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "gpt2", "--mode", mode, "--checkpoint", "full")
    assert (code, out) == (2, "")
    assert err.splitlines()[:2] == [
        f"error[TS474]: `--checkpoint full` is about training, and the mode is {mode}",
        "  = help: add `--mode train`, or leave `--checkpoint` out",
    ]


def test_a_compiled_step(capsys: pytest.CaptureFixture[str]) -> None:
    """GPT-2 at 1,024 tokens: what each layer keeps, by hand."""
    words = ("gpt2", "--set", "B=1,T=1024", "--mode", "train", "--compiled")
    memory = memory_of(capsys, *words)
    n, d, f, vocabulary = 1024, 768, 3072, 50257
    of_products = 12 * (3 * n * d + n * f) + n * vocabulary  # qkv, up; logits
    assert memory["activations_by_op"]["mm"] == 4 * of_products
    assert sum(memory["activations_by_op"].values()) == memory["activations"]
    assert not {"peak", "loss"} & memory.keys()
    _, out, _ = run(capsys, *words)
    assert "Activations are what torch.compile keeps of forward and loss, both compiled as a" in out


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        (
            [],
            "`--compiled` is about training, and the mode is forward",
            "add `--mode train`, or leave `--compiled` out",
        ),
        (
            ["--mode", "train", "--checkpoint", "full"],
            "`--compiled` and `--checkpoint full` are not told together",
            "leave one of them out",
        ),
        (
            ["--mode", "train", "--target", "h200", "--fit"],
            "`--compiled` and `--fit` are not told together",
            "leave one of them out",
        ),
    ],
)
def test_compiled_beside_what_it_is_not_told_of(
    words: list[str], message: str, help: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "gpt2", "--compiled", *words)
    assert (code, out) == (2, "")
    assert err.splitlines()[:2] == [f"error[TS479]: {message}", f"  = help: {help}"]


def test_peaks_in_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--mode", "train")
    _, out, _ = run(capsys, *words, "--sweep", "T=256..1024", "--format", "csv")
    for row in csv.DictReader(io.StringIO(out)):
        memory = memory_of(capsys, *words, "--set", f"T={row['T']}")
        for name in ("peak", "peak_total", "loss", "activations"):
            assert int(row[f"{name}_bytes"]) == memory[name]
    _, out, _ = run(capsys, *words, "--sweep", "T=1..66:33")
    assert "peak" not in out.splitlines()[2]
    assert "Peaks are left out: each takes a run, and there are more than 32 sizes." in out


def test_a_peak_that_is_not_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vocabulary.FUNCTIONAL, "gelu")
    words = ("gpt2", "--mode", "train")
    memory = memory_of(capsys, *words)
    assert memory["peak_unknown"] == "F.gelu has no memory rule"
    assert not memory.keys() & {"peak", "peak_total", "peak_where"}
    _, out, _ = run(capsys, *words)
    assert "The peak is not known: F.gelu has no memory rule." in out.splitlines()
    _, out, _ = run(capsys, *words, "--sweep", "T=8..16")
    assert "peak" not in out


def test_eager_attention_keeps_its_scores(capsys: pytest.CaptureFixture[str]) -> None:
    """2·B·h·T² bytes a layer more, at least: what flash does not write."""
    words = ("llama-3-8b", "--mode", "train", "--dtype", "bf16", "--set", "B=1,T=2048", "--style")
    fused, eager = (memory_of(capsys, *words, style) for style in ("fast", "explicit"))
    scores = 2 * 32 * 32 * 2048**2
    assert eager["activations"] > fused["activations"] + scores
    assert eager["peak"] > fused["peak"] + scores
    assert eager["weights"] == fused["weights"]
    traffic = [
        json.loads(run(capsys, *words, style, "--target", "h200", "--format", "json")[1])["traffic"]
        for style in ("fast", "explicit")
    ]
    assert traffic[1]["bytes"] > traffic[0]["bytes"] + 2 * scores


def test_a_sweep_shows_what_has_room(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("llama-3-8b", "--mode", "train", "--dtype", "bf16", "--target", "h200")
    _, out, _ = run(capsys, *words, "--sweep", "T=1024..8192")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[2].split() == [
        "T", "forward", "needed", "backward", "activations", "traffic", "peak", "peak_total",
        "time", "FLOPs",
    ]  # fmt: skip
    assert "No room here for loss, executed: `--format csv` has all." in lines
    assert "At all sizes: weights 16.06 GB, gradients 16.06 GB, optimizer 32.12 GB." in lines


def test_a_sweep_over_one_size(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "gpt2", "--sweep", "T=8..8")
    assert out.splitlines()[2].split() == [
        "T", "forward", "needed", "weights", "peak", "peak_total", "FLOPs",
    ]  # fmt: skip


def test_what_a_compiled_step_of_flex_attention_keeps_is_not_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Said beside what it holds: all else is told."""
    words = ("bert-base", "--set", "T=512", "--mode", "train", "--compiled", "--target", "h100")
    code, out, _ = run(capsys, *words, "--dtype", "bf16")
    assert code == 0
    assert out.splitlines()[1:3] == [
        "at least: 875.86 MB of 79 GB on an NVIDIA H100 (1%; 1 of 80 GB are reserved), weights, "
        "gradients and",
        "optimizer; activations are not known: nn.attention has no memory rule",
    ]


def test_dims_in_the_place_of_a_mode() -> None:
    with pytest.raises(TypeError) as caught:
        tfspec.load("gpt2").cost({"T": 128})  # pyright: ignore[reportArgumentType]
    assert str(caught.value) == (
        "a mode is one of forward, train, prefill, decode, not {'T': 128}; dims are set before: "
        '`tfspec.load(spec, {"T": 128}).cost("train")`'
    )


def test_a_model_that_cannot_decode_says_what_would(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "bert-base", "--mode", "decode")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "error[TS901]: attention that is not causal is not supported yet in decoding"
    assert lines[-1].endswith(
        "= help: give every attention of a text to itself `mask: causal`, or ask for no decoding"
    )


def test_the_slots_of_a_cache_say_what_sets_them(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "gpt2", "--mode", "decode")
    assert out.splitlines()[3] == (
        "taken, since not set: B = 1, S = 1024 slots of the cache (set T)"
    )
    _, out, _ = run(capsys, "gpt2", "--mode", "decode", "--sweep", "d=768..1536:2")
    assert "S = 1024 slots of the cache (set T)" in out
    code, out, err = run(capsys, "gpt2", "--mode", "decode", "--set", "S=512")
    assert (code, out) == (2, "")
    assert err == (
        "error[TS410]: there is no dim `S` to set\n"
        "  = help: `S` counts the slots of the cache, which follow the text's length: write "
        "`--set T=...`\n"
    )


@pytest.mark.parametrize("name", ["vit-b16", "bert-base"])
def test_a_model_without_a_cache_has_no_slots(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = run(capsys, name, "--set", "S=512")
    assert err.splitlines()[1].startswith("  = help: the dims are ")
