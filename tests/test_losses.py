"""Losses on request: as transformers has them, which outputs they fit, and what a file then holds."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, SiglipConfig, SiglipModel
from transformers.trainer_pt_utils import LabelSmoother

from tests.bundled import small
from tests.parity.bert import BERT, bert_names
from tests.parity.clip import CLIP
from tests.parity.decision import DECISION
from tests.parity.gpt2 import GPT2
from tests.parity.marian import MARIAN
from tests.parity.reference import PAD, Reference, renamed
from tests.parity.running import learned_of, place, randomise, run_file
from tests.test_emitted import ruff
from tfspec import api
from tfspec.cli import main
from tfspec.losses.choose import LOSSES
from tfspec.spec.load import load_text

CLOSE = 2e-6  # of a mean in fp32


def pair(reference: Reference, loss: str) -> tuple[ModuleType, Any, Any, dict[str, Tensor]]:
    """The emitted file with a loss, our model, theirs on the same weights, and our inputs."""
    theirs = reference.make().eval()
    learned = learned_of(theirs)
    randomise(learned, seed=5)
    file = run_file(reference.architecture.emit(loss=loss))
    ours = place(file.build().eval(), reference.names(learned))
    return file, ours, theirs, reference.ours()


def close(ours: Tensor, theirs: Tensor) -> bool:
    return torch.allclose(ours, theirs, rtol=CLOSE, atol=0)


def architecture(text: str, sets: dict[str, int | str]) -> api.Architecture:
    return api.Architecture(load_text(text), sets)


# ---- parity


def test_next_token_as_gpt2_has_it() -> None:
    file, ours, theirs, inputs = pair(GPT2, "next-token")
    labels = inputs["tokens"].clone()
    labels[0, -3:] = -100
    expected = theirs(inputs["tokens"], labels=labels).loss
    assert close(file.training_loss(ours, (inputs["tokens"],), labels), expected)
    assert not close(file.loss(ours(inputs["tokens"]), inputs["tokens"]), expected)


def test_shifted_as_marian_has_it() -> None:
    """Labels are shifted right as Marian does it; smoothed as transformers' trainer does it."""
    file, ours, theirs, inputs = pair(MARIAN, "shifted")
    source, valid = inputs["source"], inputs["valid"]
    labels = inputs["target"].masked_fill(inputs["target"] == PAD, -100)
    read = file.shift_right(labels, PAD, PAD)
    assert torch.equal(read, theirs.prepare_decoder_input_ids_from_labels(labels))
    expected = theirs(source, valid.long(), decoder_input_ids=read, labels=labels)
    assert close(file.training_loss(ours, (source, read, valid), labels), expected.loss)
    smooth = LabelSmoother(epsilon=0.1)({"logits": expected.logits}, labels)
    logits = ours(source, read, valid)
    assert close(file.loss(logits, labels, smoothing=0.1), smooth)
    assert not close(file.loss(logits, labels), smooth)


MASKED = """\
tfspec: 1
name: masked
extends: bert-base
outputs:
  logits: [text, {linear: d}, gelu, {norm: {eps: 1e-12}}, {linear: {width: V, share: words}}]
streams:
  text:
    - sum: [[tokens, {embed: {width: d, share: words}}], [segments, {embed: d}]]
    - pos: learned
    - norm: {eps: 1e-12}
    - stack: {of: layer, depth: L}
"""


def masked_names(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """By our names: BERT's, a pooler that nothing here reads, and the head with tied words."""
    pooler = {"pooler.dense.weight": torch.zeros(30, 30), "pooler.dense.bias": torch.zeros(30)}
    found = bert_names({name.removeprefix("bert."): t for name, t in theirs.items()} | pooler)
    found["words.weight"] = found.pop("embed1.weight")
    found["embed.weight"] = found.pop("embed2.weight")
    head = {"transform.dense": "logits", "transform.LayerNorm": "logits_norm"}
    found |= renamed(theirs, {f"cls.predictions.{name}": ours for name, ours in head.items()})
    return found | {"logits_bias": theirs["cls.predictions.bias"]}


def test_masked_words_as_bert_has_them() -> None:
    config = BertConfig(
        hidden_size=30, num_attention_heads=5, num_hidden_layers=3, intermediate_size=77,
        vocab_size=101, max_position_embeddings=23, layer_norm_eps=1e-12, pad_token_id=PAD,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    theirs = BertForMaskedLM(config).eval()
    learned = learned_of(theirs)
    randomise(learned, seed=5)
    file = run_file(architecture(MASKED, BERT.sets).emit(loss="masked-word"))
    ours = place(file.build().eval(), masked_names(learned))
    inputs = BERT.ours()
    torch.manual_seed(1)
    tokens, labels = file.mask_words(inputs["tokens"], 99, inputs["valid"])
    assert 0 < (labels != -100).sum() < labels.numel() / 3
    expected = theirs(tokens, inputs["valid"].long(), inputs["segments"], labels=labels).loss
    found = file.training_loss(ours, (tokens, inputs["segments"], inputs["valid"]), labels)
    assert close(found, expected)


def test_words_are_masked_as_devlin_et_al_mask_them() -> None:
    file = run_file(architecture(MASKED, BERT.sets).emit(loss="masked-word"))
    torch.manual_seed(2)
    tokens = torch.randint(90, (400, 500))
    valid = torch.arange(500) < 450
    read, labels = file.mask_words(tokens, 99, valid)
    chosen = labels != -100
    assert torch.equal(labels[chosen], tokens[chosen])
    assert torch.equal(read[~chosen], tokens[~chosen])
    assert not chosen[:, 450:].any()
    became = read[chosen]
    shares = [chosen[:, :450], became == 99, became == tokens[chosen], became >= 90]
    # a random word is the one that was there with 1 / 101, and the mask as often
    expected = [0.15, 0.8 + 0.1 / 101, 0.1 + 0.1 / 101, 0.8 + 0.1 * 11 / 101]
    for share, wanted in zip(shares, expected, strict=True):
        assert abs(share.float().mean().item() - wanted) < 0.006


def test_contrastive_as_clip_has_it() -> None:
    file, ours, theirs, inputs = pair(CLIP, "contrastive")
    expected = theirs(**CLIP.theirs(inputs), return_loss=True).loss
    given = (inputs["tokens"], inputs["pixels"])
    assert close(file.training_loss(ours, given), expected)
    (one_way,) = (F.cross_entropy(ours(*given), torch.arange(4)),)
    assert not close(one_way, expected)


def test_sigmoid_as_siglip_has_it() -> None:
    config = SiglipConfig(
        text_config={"vocab_size": 41, "hidden_size": 12, "intermediate_size": 36,
                     "num_hidden_layers": 1, "num_attention_heads": 2},
        vision_config={"hidden_size": 12, "intermediate_size": 36, "num_hidden_layers": 1,
                       "num_attention_heads": 2, "image_size": 12, "patch_size": 4},
    )  # fmt: skip
    theirs = SiglipModel(config).eval()
    torch.manual_seed(3)
    found = theirs(torch.randint(41, (4, 9)), torch.randn(4, 3, 12, 12), return_loss=True)
    file = run_file(CLIP.architecture.emit(loss="sigmoid"))
    assert close(file.loss(found.logits_per_text), found.loss)


def test_actions_as_decision_transformer_has_them() -> None:
    """Over the steps that are valid, as its authors' code takes the mean: of their numbers."""
    file, ours, theirs, inputs = pair(DECISION, "regression:next_action")
    predicted = theirs(**DECISION.theirs(inputs)).action_preds
    actions, valid = inputs["actions"], inputs["valid"]
    expected = ((predicted[valid] - actions[valid]) ** 2).mean()
    found = ours(**inputs)[0]
    assert close(file.loss(found, actions, valid), expected)
    everywhere = file.training_loss(ours, tuple(inputs.values()), actions)
    assert close(everywhere, F.mse_loss(found, actions))
    assert not close(everywhere, expected)


def test_classes_are_told_wherever_they_stand() -> None:
    file = run_file(small("vit-b16").emit(loss="cross-entropy"))
    logits = torch.randn(5, 7)
    labels = torch.tensor([0, 6, -100, 3, 3])
    picked = logits.log_softmax(-1)[[0, 1, 3, 4], [0, 6, 3, 3]]
    assert close(file.loss(logits, labels), -picked.mean())
    images = run_file(small("dall-e").emit(loss="cross-entropy"))
    tokens = torch.randn(2, 3, 7)
    assert close(
        images.loss(tokens, torch.ones(2, 3).long()), -tokens.log_softmax(-1)[..., 1].mean()
    )


# ---- what fits

REFUSED = {
    ("bert-base", "masked-word"): """\
error[TS452]: the loss `masked-word` needs an output [..., T, V] over V ids; there is hidden [B, T, d], pooled [B, d]
  = help: give an output a map to the vocabulary of its ids
  = help: what fits: cross-entropy:hidden, cross-entropy:pooled, regression:hidden, regression:pooled
""",
    ("decision-transformer", "regression"): """\
error[TS452]: the loss `regression` fits 3 outputs: next_action, next_state, next_return
  = help: say which: `--loss regression:next_action`
""",
    ("decision-transformer", "regression:next_actoin"): """\
error[TS452]: decision-transformer has no output `next_actoin`
  = help: did you mean `next_action`?
""",
    ("clip-vit-b32", "cross-entropy"): """\
error[TS452]: the loss `cross-entropy` needs an output of classes, a fixed number of features a row; there is logits [B, B]
  = help: end an output with a map to the classes, as in `linear: 1000`
  = help: what fits: contrastive, sigmoid
""",
    ("vit-b16", "contrastive"): """\
error[TS452]: the loss `contrastive` needs an output [B, B] that compares a batch with a batch of the same size; there is logits [B, classes]
  = help: end an output with `similarity: {to: the other stream}`
  = help: what fits: cross-entropy, regression
""",
    ("gpt2", "next-tokens"): """\
error[TS420]: unknown loss `next-tokens`
  = help: did you mean `next-token`?
  = help: one of: next-token, shifted, masked-word, cross-entropy, contrastive, sigmoid, regression
""",
}  # fmt: skip


@pytest.mark.parametrize(("name", "loss"), REFUSED)
def test_a_loss_that_does_not_fit_is_refused(
    name: str, loss: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.py"
    assert main(["build", name, "--loss", loss, "-o", str(file)]) == 2
    assert capsys.readouterr().err == REFUSED[name, loss]
    assert not file.exists()


def test_what_sees_later_tokens_tells_no_next_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "masked.yaml"
    path.write_text(MASKED, "utf-8")
    assert main(["build", str(path), "--loss", "next-token:logits"]) == 2
    printed = capsys.readouterr().err
    assert "attend: {heads: h, mask: key.valid}" in printed
    assert "^ tokens see later ones" in printed
    assert main(["build", str(path), "--loss", "masked-word", "-o", str(tmp_path / "m.py")]) == 0


AHEAD = {
    "an average": "norm: {modulate: [tokens, {embed: d}, {pool: mean}]}",
    "a window to both sides": "conv: {size: {T: 3}, pad: {T: 1}, width: d}",
}


@pytest.mark.parametrize("step", AHEAD.values(), ids=AHEAD)
def test_attention_is_not_all_that_sees_later_tokens(
    step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ahead.yaml"
    start = "tfspec: 1\nname: ahead\ndims: {B: batch, T: 4..9, V: 11, d: 6}\ninputs: {tokens: ids(V) B T}\n"
    end = "\noutputs: {logits: [text, {linear: V}], pooled: [text, {pool: mean}]}\n"
    path.write_text(f"{start}streams:\n  text: [tokens, {{embed: d}}, {{{step}}}]{end}", "utf-8")
    assert main(["build", str(path), "--loss", "next-token:logits"]) == 2
    assert "tokens see later ones" in capsys.readouterr().err
    path.write_text(f"{start}streams:\n  text: [tokens, {{embed: d}}, norm]{end}", "utf-8")
    built = ["build", str(path), "--loss", "next-token:logits", "-o", str(tmp_path / "a.py")]
    assert main(built) == 0  # what another output averages is not behind this one


# ---- what the file then holds

CASES = [
    ("gpt2", "next-token"),
    ("transformer-base", "shifted"),
    ("flamingo", "next-token"),
    ("mixtral-8x7b", "masked-word"),
    ("vit-b16", "cross-entropy"),
    ("dall-e", "cross-entropy"),
    ("bert-base", "cross-entropy:pooled"),
    ("clip-vit-b32", "contrastive"),
    ("clip-vit-b32", "sigmoid"),
    ("decision-transformer", "regression:next_state"),
]


SLOW = ("flamingo", "mixtral-8x7b", "dall-e", "transformer-base")


@pytest.mark.parametrize(
    ("name", "loss"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case[0] in SLOW)) for case in CASES],
)
def test_the_file_takes_a_step_as_one_graph(name: str, loss: str) -> None:
    torch._dynamo.reset()
    file = run_file(small(name).emit(loss=loss))
    model, inputs = file.build(), file.example_inputs()
    labels = (file.example_labels(),) if hasattr(file, "example_labels") else ()
    step = torch.compile(file.training_loss, fullgraph=True, backend="eager")
    value = step(model, inputs, *labels)
    assert value.shape == ()
    assert value.isfinite()
    value.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_every_kind_is_a_case() -> None:
    assert {loss.partition(":")[0] for _, loss in CASES} == LOSSES.keys()


@pytest.mark.parametrize(("name", "loss"), [*CASES, ("gpt2", "generate")])
def test_a_loss_adds_lines_and_changes_none(name: str, loss: str) -> None:
    parts = ("generate",) if loss == "generate" else ()
    plain = small(name).emit(parts=parts)
    whole = small(name).emit(parts=parts, loss="next-token" if parts else loss)
    changes = list(difflib.ndiff(plain.splitlines(), whole.splitlines()))
    assert [line for line in changes if line.startswith("- ")] == []
    assert "def loss(" in whole
    assert "loss" not in plain


def test_files_with_a_loss_are_clean(tmp_path: Path) -> None:
    for name, loss in CASES:
        for target in ("cpu", "h200"):
            source = api.emit(name, loss=loss, target=target)
            path = tmp_path / f"{name}_{loss}_{target}.py".replace(":", "_")
            path.write_text(source, encoding="utf-8")
    assert ruff(tmp_path, "check", "--line-length", "88") == ""
    assert ruff(tmp_path, "format", "--diff") == ""


@pytest.mark.parametrize(("loss", "parts"), [("next-token", ()), ("shifted", ("generate",))])
def test_the_file_runs_itself(
    loss: str, parts: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.py"
    path.write_text(small("gpt2").emit(loss=loss, parts=parts), encoding="utf-8")
    with torch.compiler.set_stance("force_eager"):
        runpy.run_path(str(path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("ms forward and backward")
    assert 0 < float(lines[-2].removeprefix("loss ")) < 10


def test_verify_takes_a_file_with_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["build", "gpt2", "--set", "d=24,h=3,L=2,V=11,T=8", "--loss", "next-token", "--verify"]
    assert main(call) == 0
    assert "shape comments" in capsys.readouterr().out
