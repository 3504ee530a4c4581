"""The step `splice` against its definition, by loops: which tokens go, and what stands there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.parity.running import model_of, randomise
from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, T: 1..40, V: 9, slot: 5, d: 6}}
inputs: {{tokens: ids(V) B T, gone: bool B T}}
streams:
  text:
    - tokens
    - embed: d
    {before}- splice: {{at: {at}, from: {source}}}
outputs: {{states: text}}
"""
ONE = "{learn: {width: d, share: mask}}"
STYLES = ("fast", "explicit")
CASES: dict[str, Callable[[int, int], bool]] = {
    "tokens == slot": lambda at, token: token == 5,
    "not tokens == slot and T % 3 == 1": lambda at, token: token != 5 and at % 3 == 1,
    "pos >= 4 or 2 * tokens < slot - 2": lambda at, token: at >= 4 or 2 * token < 3,
    "abs(tokens - slot) <= 1": lambda at, token: abs(token - 5) <= 1,
}


def architecture(at: str, source: str = ONE, before: str = "") -> Architecture:
    return Architecture(load_text(SPEC.format(at=at, source=source, before=before)), {})


def model(at: str, source: str = ONE, before: str = "", style: str = "fast") -> torch.nn.Module:
    made = model_of(architecture(at, source, before).emit(style=style))
    randomise(dict(made.named_parameters()), seed=1)
    return made


def tokens() -> Tensor:
    return torch.randint(0, 9, (3, 11), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("at", CASES)
@torch.no_grad()
def test_one_token_stands_where_the_predicate_holds(at: str, style: str) -> None:
    run, ids = model(at, style=style), tokens()
    out = run(ids)
    words, mask = run.embed.weight[ids], run.mask
    gone = 0
    for sample in range(3):
        for place in range(11):
            goes = CASES[at](place, int(ids[sample, place]))
            gone += goes
            assert torch.equal(out[sample, place], mask if goes else words[sample, place])
    assert 0 < gone < 33


@torch.no_grad()
def test_a_part_is_replaced_whole() -> None:
    run, ids = model("cls", before="- prepend: cls\n    "), tokens()
    out = run(ids)
    assert torch.equal(out[:, 0], run.mask.expand(3, -1))
    assert torch.equal(out[:, 1:], run.embed.weight[ids])


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_flag_that_is_left_out_changes_nothing(style: str) -> None:
    run, ids = model("gone", style=style), tokens()
    gone = torch.rand(3, 11, generator=torch.Generator().manual_seed(3)) < 0.4
    words = run.embed.weight[ids]
    assert torch.equal(run(ids), words)
    assert torch.equal(run(ids, gone), torch.where(gone[..., None], run.mask, words))
    assert not torch.equal(run(ids, gone), words)


def test_gradients_go_where_tokens_come_from() -> None:
    run, ids = model("tokens == slot"), tokens()
    run(ids).sum().backward()
    count = int((ids == 5).sum())
    assert torch.equal(run.mask.grad, torch.full((6,), float(count)))
    assert not run.embed.weight.grad[5].any()


SEVERAL = """
tfspec: 1
name: toy
dims: {B: batch, T: 1..40, S: 1..9, V: 9, slot: 5, d: 6}
inputs: {tokens: ids(V) B T, others: ids(V) B S}
streams:
  more: [others, {embed: d}]
  text: [tokens, {embed: d}, {splice: {at: tokens == slot, from: more}}]
outputs: {states: text}
"""


def several(style: str) -> torch.nn.Module:
    made = model_of(Architecture(load_text(SEVERAL), {}).emit(style=style))
    randomise(dict(made.named_parameters()), seed=1)
    return made


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 3, 9])
@torch.no_grad()
def test_several_tokens_stand_in_order_as_far_as_they_go(count: int, style: str) -> None:
    """Samples have more places than there are tokens, as many, or fewer."""
    run, ids = several(style), tokens()
    ids[0], ids[1, :4], ids[2, 3] = 5, 5, 5
    others = torch.randint(0, 9, (3, count), generator=torch.Generator().manual_seed(4))
    out, words, new = run(ids, others), run.text_embed.weight[ids], run.more_embed.weight[others]
    for sample in range(3):
        used = 0
        for place in range(11):
            wanted = words[sample, place]
            if ids[sample, place] == 5 and used < count:
                wanted, used = new[sample, used], used + 1
            assert torch.equal(out[sample, place], wanted)


def test_tokens_that_stand_nowhere_get_no_gradient() -> None:
    run, ids = several("fast"), torch.tensor([[5, 1, 5]])
    run(ids, torch.tensor([[2, 3, 4]])).sum().backward()
    touched = run.more_embed.weight.grad.any(1)
    assert touched.tolist() == [at in (2, 3) for at in range(9)]
