"""The pass `shapes`: rows, parameters and texts in every format and mode."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tfspec

ATTENTION = """\
    attention      T       [B, T, d]     2 × 16 × 64          16,640
      q            T       [B, h, T, k]  2 × 4 × 16 × 16       4,160
      k            T       [B, h, T, k]  2 × 4 × 16 × 16       4,160
      v            T       [B, h, T, k]  2 × 4 × 16 × 16       4,160
      attend       T       [B, h, T, k]  2 × 4 × 16 × 16
        scores     T       [B, h, T, T]  2 × 4 × 16 × 16
        softmax    T       [B, h, T, T]  2 × 4 × 16 × 16
        mix        T       [B, h, T, k]  2 × 4 × 16 × 16
      join heads   T       [B, T, d]     2 × 16 × 64
      linear out   T       [B, T, d]     2 × 16 × 64           4,160
"""
SMALL = {
    "gpt2": {"d": 64, "h": 4, "L": 3, "V": 101},
    "vit-b16": {"d": 64, "h": 4, "L": 3, "H": 32, "W": 48},
    "transformer-base": {"d": 64, "h": 4, "L": 3, "M": 2, "V": 101},
}
TWO_STREAMS = """
tfspec: 1
name: "{name}"
dims: {B: batch, T: 1..64, V: 10, d: 8}
inputs: {tokens: ids(V) B T}
blocks:
  before: [{embed: d}, {linear: {width: d, share: map}}]
streams:
  text: [tokens, before, {linear: {width: d, share: map}}, {sum: [[other, {linear: d}]]}]
  other: [tokens, before]
outputs:
  logits: [text, {linear: V}]
  raw: other
"""


def flow(name: str, mode: str = "forward", **more: int):
    return tfspec.shapes(name, {**SMALL[name], **more}, mode=mode)


def table(flow: tfspec.api.Flow) -> dict[str, tuple[str, str]]:
    """The rows of a flow under dotted labels, the first of each: tokens and shape."""
    path: list[str] = []
    found: dict[str, tuple[str, str]] = {}
    for row in flow.rows:
        path = [*path[: row.depth], row.label]
        found.setdefault(".".join(path), (row.tokens, flow.graph.show(*row.shapes)))
    return found


def test_the_attention_of_gpt2_is_opened():
    assert ATTENTION in flow("gpt2").text()


@pytest.mark.parametrize("name", SMALL)
def test_rows_of_depth_0_add_up_to_the_parameters(name: str):
    found = flow(name)
    assert sum(row.params for row in found.rows if row.depth == 0) == found.params
    assert found.params == found.graph.params.value(found.bindings)


@pytest.mark.parametrize("name", SMALL)
def test_a_row_counts_what_is_under_it(name: str):
    rows = flow(name).rows
    for at, row in enumerate(rows):
        below: list[int] = []
        for later in rows[at + 1 :]:
            if later.depth <= row.depth:
                break
            if later.depth == row.depth + 1:
                below.append(later.params)
        if below:
            assert row.params == row.count * sum(below), row


def test_token_spaces_and_letters():
    found = flow("vit-b16")
    rows = table(found)
    assert rows["image.patch"] == ("H·W", "[B, M, d]")
    assert rows["image.concat"] == ("cls + H·W", "[B, N, d]")
    assert rows["logits.take cls"] == ("cls", "[B, d]")
    legend = {s.name: (s.meaning, s.value) for s in found.symbols()}
    assert legend["N"] == ("1 + (H/p)·(W/p)", 7)
    assert legend["k"] == ("d/h", 16)
    assert "L" not in legend


def test_cross_attention_has_the_keys_of_the_other_text():
    rows = table(flow("transformer-base"))
    assert rows["text.Decode.cross.k"] == ("S", "[B, h, S, k]")
    assert rows["text.Decode.cross.attend.scores"] == ("T", "[B, h, T, S]")


def test_decoding_attends_to_the_slots_of_the_cache():
    found = flow("gpt2", "decode")
    rows = table(found)
    assert rows["text.Layer.attention.q"] == ("T", "[B, h, T, k]")
    assert rows["text.Layer.attention.k"] == ("S", "[B, h, S, k]")
    assert rows["text.Layer.attention.attend.scores"] == ("T", "[B, h, T, S]")
    assert (found.bindings["T"], found.bindings["S"]) == (1, 32)
    found = flow("gpt2", "decode", T=128)
    assert (found.bindings["T"], found.bindings["S"]) == (1, 128)


def test_a_prompt_attends_to_itself():
    rows = table(flow("gpt2", "prefill"))
    assert rows["text.Layer.attention.attend.scores"] == ("T", "[B, h, T, T]")
    assert rows["text.norm"] == ("T", "[B, T, d]")
    assert rows["logits.linear words"] == ("1", "[B, 1, V]")


def test_a_model_without_text_cannot_decode():
    with pytest.raises(tfspec.SpecError) as error:
        flow("vit-b16", "decode")
    assert [d.message for d in error.value.diagnostics] == [
        "vit-b16 reads no text, and cannot decode"
    ]


def test_an_unknown_mode_is_the_callers_mistake():
    with pytest.raises(ValueError, match="unknown mode 'train'"):
        flow("gpt2", "train")


def test_no_line_of_text_is_over_100_columns():
    for name in SMALL:
        assert max(map(len, tfspec.shapes(name).text().splitlines())) <= 100


def test_json_has_stable_keys():
    found = json.loads(flow("gpt2").json())
    assert list(found) == ["name", "mode", "params", "bindings", "symbols", "rows"]
    block = next(row for row in found["rows"] if row["kind"] == "block")
    assert block == {
        "depth": 1, "kind": "block", "label": "Layer", "tokens": "T", "shape": ["B", "T", "d"],
        "sizes": [2, 16, 64], "params": 149_952, "count": 3, "shared": False,
    }  # fmt: skip


def test_latex_has_bounds_as_signs(tmp_path: Path):
    path = tmp_path / "toy.yaml"
    path.write_text(
        "tfspec: 1\nname: toy\ndims: {B: batch, T: multiple(3) <= 10, d: 8}\n"
        "inputs: {x: float B T (d)}\nstreams: {s: [x, {linear: d}]}\noutputs: {y: s}\n"
    )
    found = tfspec.load(path).shapes().latex()
    assert r"multiple(3) $\leq$ 10" in found


def test_latex_and_markdown_name_sizes_alike():
    found = flow("vit-b16")
    assert r"$[B, h, N, k]$ & $2 \times 4 \times 7 \times 16$" in found.latex()
    assert r"$N = 1 + \frac{H}{p} \cdot \frac{W}{p} = 7$" in found.latex()
    assert "| &emsp;&emsp;norm1 | `cls + H·W` | `[B, N, d]` | 2 × 7 × 64 | 128 |" in found.md()


def written(folder: Path, name: str) -> tfspec.Architecture:
    path = folder / "two.yaml"
    path.write_text(TWO_STREAMS.replace("{name}", name), "utf-8")
    return tfspec.load(path)


def test_streams_are_told_apart_and_shared_weights_count_once(tmp_path: Path):
    found = written(tmp_path, "two").shapes()
    heads = [(row.kind, row.label) for row in found.rows if row.depth == 0]
    assert heads == [
        ("input", "tokens"), ("stream", "other"), ("stream", "text"), ("output", "logits"),
        ("output", "raw"),
    ]  # fmt: skip
    shared = [row.label for row in found.rows if row.shared]
    assert shared == ["linear map", "linear map"]  # one of them computes what nothing reads
    assert sum(row.params for row in found.rows if row.depth == 0) == found.params


HOSTILE = r"[red]x[/red] | `a` \\input{x} & $y$ \u202e \x1b[31m <b>"


def test_hostile_names_stay_text_in_every_format(tmp_path: Path):
    found = written(tmp_path, HOSTILE).shapes()
    every = [found.text(), found.md(), found.latex(), found.json()]
    assert not any("\u202e" in text or "\x1b" in text for text in every[:3])
    assert r"\input{x}" not in found.latex()
    assert r"\textbackslash{}input\{x\} \& \$y\$" in found.latex()
    assert not re.search(r"(?<!\\)<b>", found.md())
    assert json.loads(found.json())["name"] == found.name


PATTERN = """
tfspec: 1
name: pattern
dims: {B: batch, T: 1..64, V: 10, d: 8, h: 2}
inputs: {tokens: ids(V) B T}
blocks:
  local: {do: [attend: {heads: h, mask: causal and within(4)}]}
  full: {do: [attend: {heads: h, mask: causal}, ffn: {hidden: 12, act: relu}]}
streams:
  text: [tokens, {embed: d}, {stack: {of: [local, local, full], depth: 6}}]
outputs: {x: text}
"""


def test_a_pattern_of_layers_stands_over_them(tmp_path: Path):
    path = tmp_path / "pattern.yaml"
    path.write_text(PATTERN, "utf-8")
    found = tfspec.shapes(path)
    blocks = [(r.depth, r.label, r.count, r.params) for r in found.rows if r.kind == "block"]
    local, full = 4 * 72, 4 * 72 + 2 * 96 + 20
    assert blocks == [
        (1, "Local, Local, Full", 2, 2 * (2 * local + full)),
        (2, "Local", 1, local),
        (2, "Local", 1, local),
        (2, "Full", 1, full),
    ]
    assert "  (Local, Local, Full) × 2  " in found.text()


def test_a_session_shows_what_a_reader_wants() -> None:
    spec = tfspec.load("gpt2", {"T": 128})
    assert repr(spec) == "<Architecture 'gpt2', T=128>"
    assert repr(spec.check()) == "<Checked ok, params=124439808>"
    assert repr(spec.shapes()) == spec.shapes().text()


UNEQUAL = """
tfspec: 1
name: unequal
dims: {B: batch, T: 1..64, R: 9, d: 8, e: 12}
inputs: {tokens: ids(10) B T, regions: float B R (5)}
blocks: {ask: {do: [{attend: {only: text, to: image, heads: 2}}]}}
streams:
  text: [tokens, {embed: d}]
  image: [regions, {linear: e}]
  joint: [{concat: [text, image]}, ask]
outputs: {told: [joint, {take: text}]}
"""
"""Words and regions of widths of their own."""


def test_parts_of_several_widths_say_each_parts_shape(tmp_path: Path):
    path = tmp_path / "unequal.yaml"
    path.write_text(UNEQUAL)
    found = tfspec.shapes(path)
    (line,) = (line for line in found.text().splitlines() if line.startswith("joint"))
    assert "  [B, T, d] + [B, R, e]  2 × 16 × 8 + 2 × 9 × 12  " in line
    (row,) = (row for row in json.loads(found.json())["rows"] if row["label"] == "joint")
    assert row["parts"] == [
        {"shape": ["B", "T", "d"], "sizes": [2, 16, 8]},
        {"shape": ["B", "R", "e"], "sizes": [2, 9, 12]},
    ]
    assert "`[B, T, d] + [B, R, e]`" in found.md()
    assert (
        r"$[B, T, d] + [B, R, e]$ & $2 \times 16 \times 8 + 2 \times 9 \times 12$" in found.latex()
    )
    model = tfspec.load(path)
    net = model.graph()
    shapes = {net.nodes[name]["shape"] for name in net if net.nodes[name]["op"] == "Concat"}
    assert shapes == {"[B, T, d] + [B, R, e]"}
    assert "[B, T, d] + [B, R, e]" in [text.text for text in model.draw().layout.texts]
