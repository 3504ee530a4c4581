"""Attention where one side lacks batch axes or is a single token, and residuals around it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.parity.running import model_of
from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """\
tfspec: 1
name: latents
dims: {B: batch, T: 1..9, M: 1..4, R: 3, d: 8, h: 2}
inputs: {a: float B T (d), one: float B (d), m: float B M T (d), seen: bool B T}
blocks:
  look: {do: [{attend: {heads: h, to: SOURCE, MASK}}]}
streams:
  learned: [{learn: {axes: {R: R}, width: d}}]
  token: [{learn: {width: d}}]
  s: STREAM
outputs: {y: s}
"""
Attend = Callable[..., Tensor]
Case = tuple[str, str, str, Callable[[Attend, nn.Module, dict[str, Tensor]], Tensor]]
CASES: dict[str, Case] = {
    "learned queries": (
        "a", "", "[learned, look]",
        lambda f, m, x: m.learned_learn + f(m.learned_learn.expand(2, 3, 8), x["a"]),
    ),
    "a learned token": (
        "a", "", "[token, look]",
        lambda f, m, x: m.token_learn + f(m.token_learn.expand(2, 1, 8), x["a"])[:, 0],
    ),
    "keys by flags": (
        "a", "mask: key.seen", "[learned, look]",
        lambda f, m, x: m.learned_learn + f(m.learned_learn.expand(2, 3, 8), x["a"], x["seen"][:, None]),
    ),
    "queries by flags": (
        "learned", "mask: query.seen", "[a, look]",
        lambda f, m, x: x["a"] + f(x["a"], m.learned_learn.expand(2, 3, 8), x["seen"][..., None]),
    ),
    "learned keys": (
        "learned", "", "[a, look]",
        lambda f, m, x: x["a"] + f(x["a"], m.learned_learn.expand(2, 3, 8)),
    ),
    "one learned key": (
        "token", "", "[a, look]",
        lambda f, m, x: x["a"] + f(x["a"], m.token_learn.expand(2, 1, 8)),
    ),
    "a token to itself": ("self", "", "[one, look]", lambda f, m, x: x["one"] + f(x["one"][:, None])[:, 0]),
    "a token to a token": (
        "token", "", "[one, look]",
        lambda f, m, x: x["one"] + f(x["one"][:, None], m.token_learn.expand(2, 1, 8))[:, 0],
    ),
    "no batch at all": (
        "token", "", "[learned, look]",
        lambda f, m, x: m.learned_learn + f(m.learned_learn[None], m.token_learn[None, None])[0],
    ),
}  # fmt: skip


def attend(module: nn.Module, x: Tensor, y: Tensor | None = None, seen: Tensor | None = None):
    """softmax(q kᵀ / √k) v, a query without a key 0, with the weights of an emitted module."""
    y = x if y is None else y
    q, k, v = (
        getattr(module, name)(each).unflatten(-1, (2, 4)).transpose(1, 2)
        for name, each in (("q", x), ("k", y), ("v", y))
    )
    scores = q @ k.mT / 2
    hidden = torch.zeros(scores.shape, dtype=torch.bool)
    if seen is not None:
        hidden |= ~seen[:, None]
    weights = scores.masked_fill(hidden, -1e30).softmax(-1).masked_fill(hidden, 0)
    return module.out((weights @ v).transpose(1, 2).flatten(2))


def architecture(case: str) -> Architecture:
    source, mask, stream, _ = CASES[case]
    text = SPEC.replace("SOURCE, MASK", f"{source}, {mask}" if mask else source)
    return Architecture(load_text(text.replace("STREAM", stream)))


def given() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(2)
    shapes = {"a": (2, 5, 8), "one": (2, 8), "m": (2, 3, 5, 8)}
    found = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    return found | {"seen": torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)}


@pytest.mark.parametrize("case", CASES)
def test_what_torch_computes(case: str) -> None:
    spec, inputs = architecture(case), given()
    torch.manual_seed(4)
    model = model_of(spec.emit(style="explicit"))
    module = next(each for each in model.modules() if hasattr(each, "q"))
    wanted = CASES[case][3](lambda *x: attend(module, *x), model, inputs)
    torch.testing.assert_close(model(**inputs), wanted)
    other = {name: -value if value.is_floating_point() else value for name, value in inputs.items()}
    reads = not torch.equal(model(**other), model(**inputs))
    assert reads == (case != "no batch at all")


@pytest.mark.parametrize("case", CASES)
def test_styles_agree(case: str) -> None:
    spec = architecture(case)
    from tfspec.runtime.verify import verify

    report = verify(spec)
    assert report.ok, report.text()


def test_axes_in_the_middle() -> None:
    """A text beside its images, each read by itself: [B, T] looks at [B, M, T]."""
    text = SPEC.replace("SOURCE, MASK", "m").replace("STREAM", "{per: [M], do: [a, look]}")
    spec, inputs = Architecture(load_text(text)), given()
    model = model_of(spec.emit(style="explicit"))
    module = next(each for each in model.modules() if hasattr(each, "q"))
    each = [inputs["a"] + attend(module, inputs["a"], inputs["m"][:, at]) for at in range(3)]
    torch.testing.assert_close(model(**inputs), torch.cat(each, 1))


COMBINED = """\
tfspec: 1
name: latents
dims: {B: batch, R: 3, d: 8}
inputs: {a: float B R (d)}
streams:
  learned: [{learn: {axes: {R: R}, width: d}}]
  s: STREAM
outputs: {y: s}
"""
MADE: dict[str, tuple[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "join": ("[{join: [a, learned]}]", lambda a, r: torch.cat((a, r.expand(2, 3, 8)), -1)),
    "join, the learned first": (
        "[{join: [learned, a]}]",
        lambda a, r: torch.cat((r.expand(2, 3, 8), a), -1),
    ),
    "sum": ("[{sum: [a, learned]}]", lambda a, r: a + r),
    "sum, the learned first": ("[{sum: [learned, a, [a, relu]]}]", lambda a, r: r + a + a.relu()),
    "zip": (
        "[{zip: {slot: {x: a, y: learned}}}]",
        lambda a, r: torch.stack((a, r.expand(2, 3, 8)), 2).flatten(1, 2),
    ),
}


@pytest.mark.parametrize("case", MADE)
@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_what_is_learned_beside_what_is_given(case: str, style: str) -> None:
    stream, wanted = MADE[case]
    spec = Architecture(load_text(COMBINED.replace("STREAM", stream)))
    model = model_of(spec.emit(style=style))
    a = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(2))
    assert torch.equal(model(a), wanted(a, model.learned_learn))
