"""Did you mean: every kind of name that can be misspelt is answered with the nearest one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfspec.cli import main

SPEC = """\
tfspec: 1
name: near
dims: {B: batch, T: 1..8, H: 32, W: 32, vocabulary: 11, d: 8, heads_of: 2}
inputs: {tokens: ids(vocabulary) B T, valid: bool B T, pixels: float B 3 H W}
blocks:
  layer:
    norm: {kind: rms, at: pre}
    do:
      - attend: {heads: heads_of, mask: key.valid}
      - ffn: {hidden: 4 * width, act: gelu}
  second: {extends: layer, attend: {mask: causal}}
streams:
  image: [pixels, {patch: {size: {H: 8, W: 8}, width: d}}, {prepend: cls}, {take: cls}]
  text: [tokens, {embed: d}, {pos: learned}, {mark: early}, {stack: {of: layer, depth: 2}}, second]
outputs:
  logits: [text, {sum: [norm, text.early]}, {linear: vocabulary}]
  first: [text, {take: {T: 0}}]
  other: image
"""
KNOB = "mask: key.valid}"
NAMES = [
    ("a section", "streams:", "streems:", "streams"),
    ("a dim", "linear: vocabulary", "linear: vocabluary", "vocabulary"),
    ("a dim in an input", "ids(vocabulary)", "ids(vocabularry)", "vocabulary"),
    ("an axis of an input", "float B 3 H W", "float B 3 H Ww", "W"),
    ("an input", "[tokens,", "[tokns,", "tokens"),
    ("a stream", "other: image", "other: imgae", "image"),
    ("a mark", "text.early", "text.eraly", "text.early"),
    ("a block in a stack", "of: layer", "of: leyer", "layer"),
    ("a block in a pipeline", "depth: 2}}, second]", "depth: 2}}, secnod]", "second"),
    ("a block to extend", "extends: layer", "extends: layr", "layer"),
    ("a step to merge into", "attend: {mask: causal}", "attnd: {mask: causal}", "attend"),
    ("a part", "take: cls", "take: clss", "cls"),
    ("an axis to patch", "size: {H: 8, W: 8}", "size: {H: 8, w: 8}", "W"),
    ("an axis of take", "take: {T: 0}", "take: {t: 0}", "T"),
    ("a step", "- attend: {heads", "- atend: {heads", "attend"),
    ("a knob", "hidden:", "hiden:", "hidden"),
    ("a knob of a norm", "at: pre", "att: pre", "at"),
    ("a choice", "kind: rms", "kind: rmss", "rms"),
    ("a choice of places", "at: pre", "at: prre", "pre"),
    ("an activation", "act: gelu", "act: geluu", "gelu"),
    ("a kind of positions", "pos: learned", "pos: lerned", "learned"),
    ("a kind of input", "bool B T", "boool B T", "bool"),
    ("a flag of a mask", "key.valid", "key.vallid", "valid"),
    ("a word of a mask", "mask: causal", "mask: casual", "causal"),
    ("a spec to extend", "tfspec: 1\n", "tfspec: 1\nextends: gpt2-larg\n", "gpt2-large"),
    ("an axis of rope", KNOB, "rope: {base: 100, over: [t]}}", "T"),
    ("a knob of rope", KNOB, "rope: {bse: 100}}", "base"),
    ("a kind of scaling", KNOB, "rope: {base: 100, scaling: {kind: liner, factor: 2}}}", "linear"),
    ("an axis of rel_bias", KNOB, "rel_bias: [t]}", "T"),
    ("a knob of rel_bias", KNOB, "rel_bias: {bukets: 32, max: 128}}", "buckets"),
    ("a stream to attend to", KNOB, "to: imag}", "image"),
    ("a mark to attend to", KNOB, "to: eraly}", "early"),
    ("a part to attend for", KNOB, "only: clss}", "cls"),
    ("an axis of a window", KNOB, "window: {t: 4}}", "T"),
    ("an axis of a shift", KNOB, "window: {T: 4}, shift: {t: 2}}", "T"),
    ("an axis of a mask", "mask: key.valid", "mask: key.Ww == query.W", "W"),
    ("a side of a mask", "mask: key.valid", "mask: kye.valid", "key.valid"),
    ("a dim in a mask", "mask: key.valid", "mask: within(vocabluary)", "vocabulary"),
    ("a kind of qk_norm", KNOB, "qk_norm: haed}", "head"),
    ("a map with a bias", KNOB, "bias: [q, ot]}", "out"),
    ("a knob of residual", "norm: {kind: rms, at: pre}", "residual: {layerscal: 0.1}", "layerscale"),
    ("a kind of gate", "norm: {kind: rms, at: pre}", "residual: {gate: tnh}", "tanh"),
    ("a knob of a block", "norm: {kind: rms, at: pre}", "bais: false", "bias"),
    ("an axis to pool over", "{prepend: cls}, {take: cls}", "{pool: {mean: [w]}}", "W"),
    ("a way to pool", "{prepend: cls}, {take: cls}", "{pool: maen}", "mean"),
    ("a part to drop", "{prepend: cls}, {take: cls}", "{prepend: cls}, {drop: clss}", "cls"),
    ("an axis of positions", "pos: learned", "pos: {learned: t}", "T"),
    ("a part of positions", "{prepend: cls}, {take: cls}", "{prepend: cls}, {pos: {learned: clss + H*W}}", "cls"),
    ("a layout of positions", "pos: learned", "pos: {sinusoidal: T, layout: halvs}", "halves"),
    ("a knob of positions", "pos: learned", "pos: {learned: T, row: 9}", "rows"),
    ("an axis to merge", "{prepend: cls}, {take: cls}", "{merge: {w: 2}}", "W"),
    ("a kind of init", "outputs:", "init: {kind: norml}\noutputs:", "normal"),
    ("a knob of init", "outputs:", "init: {sdt: 0.02}\noutputs:", "std"),
    ("a choice of init", "outputs:", "init: {bias: zeroes}\noutputs:", "zeros"),
    ("an expectation", "outputs:", "expect: {parms: 3}\noutputs:", "params"),
    ("a dim of an assumption", "outputs:", "assume: [vocabluary % 2 == 0]\noutputs:", "vocabulary"),
    ("a knob of a stream", "  image: [", "  image:\n    pr: [H]\n    do: [", "per"),
    ("a step as a word", "[text, {sum: [norm,", "[text, {sum: [nrom,", "norm"),
    ("a dim of a dim", "d: 8", "d: heds_of * 4", "heads_of"),
    ("a dim of a rate", "{mark: early}", "{scale: vocabluary ** 0.5}, {mark: early}", "vocabulary"),
    ("an index of layers", "norm: {kind: rms, at: pre}", "residual: {drop_path: 0.1 * i / nn}", "n"),
    ("width", "hidden: 4 * width", "hidden: 4 * widht", "width"),
    ("a word of dims", "B: batch", "B: bacth", "batch"),
    ("multiple", "T: 1..8", "T: mutliple(8)", "multiple"),
    ("none", "kind: rms, at: pre}", "kind: rms, at: pre}\n    residual: nnone", "none"),
    ("within", "mask: key.valid", "mask: witin(3)", "within"),
    ("a label", "{take: {T: 0}}", "{take: {T: heds_of}}", "heads_of"),
    ("an input of take", "{take: {T: 0}}", "{take: tokesn}", "tokens"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_spec_itself_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    Path("near.yaml").write_text(SPEC)
    assert main(["check", "near.yaml"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(("old", "new", "meant"), [n[1:] for n in NAMES], ids=[n[0] for n in NAMES])
def test_a_name_in_a_spec(
    capsys: pytest.CaptureFixture[str], old: str, new: str, meant: str
) -> None:
    assert old in SPEC
    Path("near.yaml").write_text(SPEC.replace(old, new, 1))
    assert main(["check", "near.yaml"]) in (1, 2)
    said = capsys.readouterr().err
    assert f"= help: did you mean `{meant}`?\n" in said
    assert said.count("error[") == 1, said


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        ("chekc gpt2", "check"),
        ("dif gpt2 gpt2", "diff"),
        ("check gtp2", "gpt2"),
        ("diff gpt2 bert-bse", "bert-base"),
        ("check gpt2 --sett d=64", "--set"),
        ("check gpt2 --set TT=4", "T"),
        ("check gpt2 --set f=4*D", "d"),
        ("diff gpt2 gpt2 --set-b LL=4", "L"),
        ("check gpt2 --format jsn", "json"),
        ("shapes gpt2 --mode decod", "decode"),
        ("build gpt2 --target cpuu", "cpu"),
        ("build gpt2 --style explict", "explicit"),
        ("build gpt2 --with generat", "generate"),
    ],
)
def test_a_name_in_a_call(capsys: pytest.CaptureFixture[str], call: str, meant: str) -> None:
    assert main(call.split()) == 2
    assert f"= help: did you mean `{meant}`?\n" in capsys.readouterr().err
