"""What a mode or a part of the file cannot do yet: whole messages, with a place and a way out.

`check` finds nothing wrong with these specs, so that they cannot stand among the bad ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tfspec.cli import main

SPEC = """\
tfspec: 1
name: toy
dims: {{B: batch, {dims}, V: 50, d: 32, h: 4}}
inputs: {{{inputs}}}
blocks:
  layer: {layer}
  other: {other}
streams:
  memory: [{memory}]
  text: [tokens, {{embed: d}}, {text}]
outputs: {{logits: [text, {{linear: V}}], memory: memory}}
init: {{{init}}}
"""
GENERATE = ("--with", "generate")


def spec(
    text: str,
    *,
    dims: str = "T: 1..16",
    inputs: str = "tokens: ids(V) B T",
    layer: str = "{do: [attend: {heads: h, mask: causal}]}",
    other: str = "{do: [ffn: {hidden: d, act: relu}]}",
    memory: str = "tokens, {embed: d}",
    init: str = "std: 0.02",
) -> str:
    return SPEC.format(
        dims=dims, inputs=inputs, layer=layer, other=other, memory=memory, text=text, init=init
    )


SHARED = "{do: [attend: {heads: h, mask: causal, share: one}]}"
REFUSED = {
    "a text on a grid": (
        spec(
            "{stack: {of: layer, depth: 2}}", dims="T: 1..16, K: 4", inputs="tokens: ids(V) B K T"
        ),
        GENERATE,
        """\
error[TS901]: a text on a grid with rows of any length, `K·T`, is not supported yet in decoding
 --> toy.yaml:4:18
  |
4 | inputs: {tokens: ids(V) B K T}
  |                  ^^^^^^^^^^^^
  = help: ask for a forward, which has the whole grid
  = help: or let the text have one axis, as long as the grid
""",
    ),
    "sinusoids without an end": (
        spec("{pos: sinusoidal}, layer", dims="T: multiple(2)"),
        GENERATE,
        """\
error[TS901]: a text without a longest length is not supported yet in decoding
  --> toy.yaml:10:36
   |
10 |   text: [tokens, {embed: d}, {pos: sinusoidal}, layer]
   |                                    ^^^^^^^^^^
   = help: declare its longest length, as `T: 1..1024`, or ask for no decoding
""",
    ),
    "layers without attention": (
        spec("{stack: {of: [layer, other], depth: 4}}"),
        GENERATE,
        """\
error[TS901]: a stack of layers with and without attention is not supported yet with a cache
  --> toy.yaml:10:38
   |
10 |   text: [tokens, {embed: d}, {stack: {of: [layer, other], depth: 4}}]
   |                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: give each kind of layer a stack of its own, or ask for no decoding
""",
    ),
    "layers of which some read a memory": (
        spec(
            "{stack: {of: [layer, other], depth: 4}}",
            dims="T: 1..16, S: 1..8",
            inputs="source: ids(V) B S, tokens: ids(V) B T",
            other="{do: [attend: {heads: h, mask: causal}, attend: {heads: h, to: memory}]}",
            memory="source, {embed: d}",
        ),
        GENERATE,
        """\
error[TS901]: a stack of layers of which only some read a memory is not supported yet with a cache
  --> toy.yaml:10:38
   |
10 |   text: [tokens, {embed: d}, {stack: {of: [layer, other], depth: 4}}]
   |                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: give each kind of layer a stack of its own, or ask for no decoding
""",
    ),
    "attention that two blocks share": (
        spec("{stack: {of: layer, depth: 2}}, other", layer=SHARED, other=SHARED),
        GENERATE,
        """\
error[TS901]: attention whose weights are shared is not supported yet with a cache here
 --> toy.yaml:6:24
  |
6 |   layer: {do: [attend: {heads: h, mask: causal, share: one}]}
  |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = help: leave `share` out, or ask for no decoding
""",
    ),
    "xavier of several numbers of heads": (
        spec(
            "layer, other",
            layer="{do: [attend: {heads: h, kv_heads: 2}]}",
            other="{do: [attend: {heads: h, kv_heads: 1}]}",
            init="kind: xavier",
        ),
        (),
        """\
error[TS901]: `kind: xavier` of attentions with several numbers of `kv_heads` is not supported yet
  --> toy.yaml:12:8
   |
12 | init: {kind: xavier}
   |        ^^^^
   = help: in the explicit style q, k and v are maps of their own: build with `--style explicit`
""",
    ),
}


def built(text: str, call: tuple[str, ...], folder: Path) -> int:
    (folder / "toy.yaml").write_text(text, "utf-8")
    return main(["build", "toy.yaml", *call, "-o", "toy.py"])


@pytest.mark.parametrize("what", REFUSED)
def test_the_whole_message(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, call, message = REFUSED[what]
    monkeypatch.chdir(tmp_path)
    assert built(text, call, tmp_path) == 1
    assert capsys.readouterr().err == message
    assert not (tmp_path / "toy.py").exists()


@pytest.mark.parametrize("what", REFUSED)
def test_the_way_out_is_one(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, call, _ = REFUSED[what]
    monkeypatch.chdir(tmp_path)
    assert built(text, () if call else ("--style", "explicit"), tmp_path) == 0
    assert "error" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vit-b16", "dit-xl-2"])
def test_what_reads_no_text_cannot_generate(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No ids at all, or those of a class, which are no tokens."""
    assert main(["build", name, *GENERATE, "-o", str(tmp_path / "model.py")]) == 2
    assert capsys.readouterr().err == (
        f"error[TS451]: {name} reads no text, and cannot generate\n"
        "  = help: leave `--with generate` out\n"
    )
    assert main(["build", name, "--with", "decode", "-o", str(tmp_path / "model.py")]) == 2
    assert "cannot decode\n  = help: leave `--with decode` out\n" in capsys.readouterr().err
    for mode in ("prefill", "decode"):
        assert main(["cost", name, "--mode", mode]) == 2
        assert f"{name} reads no text, and cannot {mode}\n" in capsys.readouterr().err


def test_a_class_is_no_text_whose_tokens_a_run_counts(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["cost", "dit-xl-2", "--mode", "train", "--target", "h200", "--dtype", "bf16"]
    assert main([*call, "--tokens", "1e9", "--gpus", "8"]) == 2
    assert "dit-xl-2 reads no text, and a run is counted" in capsys.readouterr().err
