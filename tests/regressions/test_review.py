"""What a careful reader broke: shares, depths, lengths, divisors, assumptions and starts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tfspec.api import Architecture
from tfspec.runtime.build import build
from tfspec.spec.load import load_text


def architecture(text: str) -> Architecture:
    return Architecture(load_text(f"tfspec: 1\nname: small\n{text}"))


def messages(text: str) -> list[str]:
    found = architecture(text).check().diagnostics
    return [each.message for each in found if each.severity == "error"]


def test_shared_blocks_that_differ_by_a_factor_are_not_one_forward() -> None:
    text = """
dims: {B: batch, T: 1..9, d: 8}
inputs: {x: float B T (d)}
blocks:
  a: {share: s, do: [[{linear: d}, {scale: 2}]]}
  b: {share: s, do: [[{linear: d}, {scale: FACTOR}]]}
streams: {u: [x, a, b]}
outputs: {y: u}
"""
    assert messages(text.replace("FACTOR", "2")) == []
    (message,) = messages(text.replace("FACTOR", "3"))
    assert message == "`s` shared by steps that differ is not supported yet"


def test_blocks_with_stacks_of_two_depths_are_two_classes() -> None:
    made = architecture("""
dims: {B: batch, T: 1..9, d: 8}
inputs: {x: float B T (d)}
blocks:
  inner: {do: [{ffn: {hidden: d, act: relu}}]}
  two: {do: [[{stack: {of: inner, depth: 2}}]]}
  three: {do: [[{stack: {of: inner, depth: 3}}]]}
streams: {u: [x, two, three]}
outputs: {y: u}
""")
    model: Any = build(made.emit())
    depths = [len(block.blocks) for block in (model.two, model.three)]
    assert depths == [2, 3]
    assert sum(p.numel() for p in model.parameters()) == made.check().params


@torch.no_grad()
def test_sizes_read_from_other_inputs_are_other_classes() -> None:
    """The first H, or the first H / 2, of the same tokens: not one class that cuts like one."""
    text = """
dims: {B: batch, H: multiple(4), d: 8}
inputs: {x: float B H (d), v: float B H/2 (d)}
streams:
  u: [{concat: {a: x, b: v}}, cut]
  w: [{concat: {a: v, b: x}}, cut]
blocks:
  cut: {do: [{ffn: {only: a, hidden: d, act: relu}}]}
outputs: {one: u, two: w}
"""
    made = architecture(text)
    assert made.check().ok
    model = build(made.emit()).eval()
    x, v = torch.randn(2, 8, 8), torch.randn(2, 4, 8)
    one, two = model(x, v)
    assert torch.equal(one[:, 8:], v)
    assert torch.equal(two[:, 4:], x)
    assert not torch.equal(one[:, :8], x)
    assert not torch.equal(two[:, :4], v)


DIMS = "dims: {B: batch, T: 2..16, d: 8}\n"
ENDS = "streams: {u: [x, {linear: d}]}\noutputs: {y: u}\n"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "inputs: {x: float B T//(T-2) (d)}\n",
            "`//` and `%` divide by 1 or more, and T − 2 can be 0",
        ),
        (
            "inputs: {x: float B T (d)}\nassume: [T >= 9]\n",
            "`T >= 9` cannot be assumed: it is false for T = 2",
        ),
        (
            'inputs: {x: float B T (d)}\nassume: ["T // 0 == 1"]\n',
            "`T // 0 == 1` is no comparison of sizes that can be assumed",
        ),
        (
            "inputs: {x: float B T (d)}\ninit: {std: T}\n",
            "T varies, and a rate is one number",
        ),
        (
            "inputs: {x: float B T (d)}\ninit: {std: -1}\n",
            "`std` of `init` is above 0, and -1 is not",
        ),
        (
            "inputs: {x: float B T (d)}\ninit: {kind: xavier, residual: 3}\n",
            "`residual` has no effect where `kind` is xavier",
        ),
    ],
)
def test_what_was_accepted_or_broke_is_a_mistake(rest: str, message: str) -> None:
    assert messages(DIMS + rest + ENDS) == [message]


def test_a_mask_that_a_missing_flag_turns_round_is_refused() -> None:
    text = """
dims: {B: batch, T: 1..9, R: 1..9, d: 8}
inputs: {x: float B R (d), p: bool B T}
blocks: {l: {do: [{attend: {heads: 2, mask: not key.p}}]}}
streams: {u: [x, l]}
outputs: {y: u}
"""
    wanted = "`not key.p` hides every key here, where a missing flag counts as true"
    assert messages(text) == [wanted]


def test_pooling_one_token_names_it_as_pooling_many_does() -> None:
    text = """
dims: {B: batch, d: 4}
inputs: {tokens: ids(2) B}
streams:
  text: [tokens, {embed: d}, {pool: mean}]
  memory: [text, {prepend: cls}]
outputs: {y: [memory, {take: text}]}
"""
    assert messages(text) == []


def test_a_norm_on_a_bare_attention_is_refused_not_ignored() -> None:
    text = """
dims: {B: batch, T: 1..4, d: 4}
inputs: {tokens: float B T (d)}
streams: {text: [tokens, {attend: {heads: 1, norm: {kind: rms}}}]}
outputs: {y: text}
"""
    wanted = "`norm` on an `attend` that begins no branch of a block is not supported yet"
    assert messages(text) == [wanted]


def test_a_latent_of_one_token_is_refused() -> None:
    """It was a crash without a batch, and with one the batch was taken for tokens."""
    for source in ("{learn: {width: 4}}", "time, {linear: 4}"):
        text = f"""
dims: {{B: batch}}
inputs: {{time: float B}}
streams: {{a: [{source}, {{attend: {{heads: 2, bias: false, latent: {{kv: 3}}}}}}], b: time}}
outputs: {{y: a, z: b}}
"""
        assert messages(text) == ["`latent` of a single token is not supported yet"]


def test_a_latents_sizes_may_speak_of_the_width() -> None:
    """That of its rotary features was read where no width is known."""
    text = """
dims: {{B: batch, T: 2..4}}
inputs: {{states: float B T (6)}}
streams: {{a: [states, {{attend: {{heads: 2, bias: false, latent: {{kv: width, rope: {0}}}, rope: 9}}}}]}}
outputs: {{y: a}}
"""
    assert messages(text.format("width")) == []
    wanted = ["`rope` turns features in pairs, and `latent` gives it 3"]
    assert messages(text.format("width / 2")) == wanted


def test_several_tokens_spliced_without_a_batch_are_refused() -> None:
    """The emitted file asked for an axis that is not there."""
    text = """
dims: {T: 5}
inputs: {words: ids(8) T}
streams: {a: [words, {embed: 4}], b: [a, {splice: {at: pos == 1, from: a}}]}
outputs: {y: b}
"""
    assert messages(text) == ["`splice` of several tokens without a batch is not supported yet"]


def test_experts_start_by_their_number_of_inputs() -> None:
    """The emitted file named a module that is none."""
    model = build(
        architecture("""
dims: {B: batch, T: 2, d: 64, E: 4}
inputs: {states: float B T (d)}
blocks: {layer: {do: {ffn: {hidden: 16, act: relu, experts: E, top_k: 2}}}}
streams: {a: [states, {stack: {of: layer, depth: 2}}]}
outputs: {y: a}
init: {kind: fan_in, std: 3, residual: 0.5}
""").emit()
    )
    found = {name.split(".")[-1]: each.std().item() for name, each in model.named_parameters()}
    assert found["up"] == pytest.approx(3 * 64**-0.5, rel=0.05)
    assert found["down"] == pytest.approx(0.5 * 3 * 16**-0.5, rel=0.05)
