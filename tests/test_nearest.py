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
