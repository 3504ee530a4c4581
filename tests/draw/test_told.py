"""What a figure says of attention and experts in words is said when they are open too."""

from __future__ import annotations

import pytest

from tests.draw.figures import loaded, of
from tfspec.api import Architecture
from tfspec.passes.draw.parts import Box

ALIBI = """
tfspec: 1
name: falling
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: {at: pre}, do: [{attend: {heads: 2, alibi: true, mask: causal}}]}}
streams: {text: [tokens, {embed: d}, layer]}
outputs: {logits: [text, {linear: 11}]}
"""
TWO = """
tfspec: 1
name: two-memories
dims: {B: batch, T: 1..64, S: 1..64, R: 1..9, d: 8}
inputs: {tokens: ids(11) B T, source: ids(11) B S, regions: float B R (5)}
blocks:
  read: {norm: {at: pre}, do: [{attend: {heads: 2, to: memory}}, {attend: {heads: 4, to: image}}]}
streams:
  memory: [source, {embed: d}]
  image: [regions, {linear: d}]
  text: [tokens, {embed: d}, read]
outputs: {logits: [text, {linear: 11}]}
"""


def box(model: Architecture, title: str, *opened: str, level: str = "blocks") -> Box:
    """The only box of that title."""
    drawing = model.draw(*opened, level=level)  # type: ignore[arg-type]
    (found,) = [each for each in drawing.figure.boxes() if each.title == title]
    return found


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (loaded("gemma-2-2b"), "softcap 50"),
        (loaded("t5-base"), "relative bias"),
        (loaded("swin-t"), "relative bias"),
        (of(ALIBI), "ALiBi"),
    ],
)
def test_an_open_attention_says_what_changes_its_scores(model: Architecture, said: str) -> None:
    assert said in box(model, "Attention", "attention").knobs


def test_an_op_that_adds_a_bias_says_which() -> None:
    assert box(of(ALIBI), "+ ALiBi", "attention", level="ops").form == "chip"
    assert box(loaded("t5-base"), "+ relative bias", "attention", level="ops").form == "chip"


def test_what_all_tokens_have_of_a_mixture_is_no_mixture() -> None:
    assert box(loaded("deepseek-v3"), "Gated MLP, SiLU", "mlp").knobs == ("d → Es·fe → d",)


def test_an_open_latent_attention_has_the_maps_of_keys_and_values() -> None:
    (maps, mask) = box(loaded("deepseek-v3"), "Attention", "attention").knobs
    assert (maps, mask) == ("k, v: ckv → h × (k + v)", "causal")


def test_a_second_module_of_a_kind_is_opened_by_its_own_name() -> None:
    first, second = (box(of(TWO), "q", name).knobs for name in ("cross1", "cross2"))
    assert first != second
    assert box(of(TWO), "q", "cross").knobs == first
    assert box(of(TWO), "Cross-attention", "cross2").knobs[0] == "2 heads × k"
