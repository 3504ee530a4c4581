"""FLOPs equal what FlopCounterMode counts on the emitted file, to the last one."""

from __future__ import annotations

import pytest
import torch

import tfspec
from tests.bundled import BY_STRUCTURE, small
from tests.cost.counted import (
    costs,
    device,
    flops,
    forward_and_backward,
    given,
    miscounted,
    model,
    sizes,
)
from tfspec.ops.attention import Mix
from tfspec.symbolic import Dim

GENERATING = (
    "gpt2", "llama-3-8b", "mistral-7b", "gemma-2-2b", "qwen3-8b", "palm-540b", "mixtral-8x7b",
    "deepseek-v3",
)  # fmt: skip
# Forward at batch 1 of the public implementations, as FlopCounterMode counts them with eager
# attention, without the product by which transformers makes rotary angles.
PUBLISHED = {
    "bert-base": ({"T": 512}, 96_637_943_808),
    "bert-large": ({"T": 512}, 335_009_546_240),
    "gpt2": ({"T": 1024}, 291_648_307_200),
    "gpt2-xl": ({"T": 1024}, 3_506_703_564_800),
    "llama-3-8b": ({"T": 8192}, 158_140_695_838_720),
    "llama-3-70b": ({"T": 8192}, 1_314_637_949_698_048),
    "llama-3.1-405b": ({"T": 8192}, 7_169_159_410_483_200),
    "mistral-7b": ({"T": 8192}, 151_681_065_025_536),
    "gemma-2-2b": ({"T": 4096}, 24_988_119_728_128),
    "qwen3-8b": ({"T": 4096}, 71_893_457_567_744),
    "t5-base": ({"S": 512, "T": 512}, 257_194_721_280),
    "vit-b16": ({}, 35_127_656_448),
    "vit-l16": ({}, 123_109_425_152),
    "swin-t": ({}, 8_981_133_312),
    "clip-vit-b32": ({"T": 77}, 14_777_164_800),
    "glm-4v-vision": ({}, 894_310_023_168),
    "markuplm-base": ({"T": 511}, 103_864_897_536),
}


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_forward_and_backward_are_counted_exactly(name: str, style: str) -> None:
    architecture = small(name)
    several = (sizes(architecture, seed) for seed in (0, 1))
    assert [*miscounted(architecture, *several, style=style)] == []


def test_that_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that is not counted is seen, and one counted twice."""
    architecture = small("gpt2")
    at = sizes(architecture, 0)
    forward, _ = forward_and_backward(model(architecture), given(architecture.semantics, at))
    for wrong in (lambda *_: Dim.of(0), lambda _, inputs, outputs: 4 * inputs[0].elements):
        monkeypatch.setattr(Mix, "flops", wrong)
        cost = costs(architecture, at)
        assert cost.number(cost.work.forward) != forward
        assert len([*miscounted(architecture, at)]) == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts_come_out(name: str) -> None:
    at, published = PUBLISHED[name]
    cost = tfspec.cost(name, {"B": 1, **at})
    assert cost.number(cost.work.forward) == published


@pytest.mark.parametrize("name", GENERATING)
@pytest.mark.parametrize(("batch", "tokens", "slots"), [(1, 5, 9), (3, 8, 8)])
def test_generation_is_counted_exactly(name: str, batch: int, tokens: int, slots: int) -> None:
    architecture = small(name)
    made = model(architecture, parts=("generate",))
    cache = made.cache(batch, slots)
    where = device(architecture.semantics)
    text = torch.zeros(batch, tokens, dtype=torch.int64, device=where)
    position = torch.zeros(1, dtype=torch.int64, device=where)
    counted = {
        "prefill": flops(lambda: made.prefill(text, cache)),
        "decode": flops(lambda: made.decode(text[:, :1], position, cache)),
    }
    for mode, number in counted.items():
        length = tokens if mode == "prefill" else slots
        cost = costs(architecture, {"B": batch, "T": length}, mode)
        assert cost.number(cost.work.forward) == number, mode


@pytest.mark.parametrize("name", GENERATING)
def test_the_cache_is_what_buffers_hold(name: str) -> None:
    architecture = small(name)
    caches = model(architecture, parts=("generate",)).cache(3, 7)
    stacks = caches if isinstance(caches, tuple) else (caches,)
    held = sum(b.numel() for stack in stacks for cache in stack for b in cache.buffers())
    cost = costs(architecture, {"B": 3, "T": 7}, "decode")
    assert cost.cache is not None
    assert cost.number(cost.cache.held) == held
    assert {each.name: each.value for each in cost.memory}["cache"] == 4 * held


@pytest.mark.parametrize("name", ["t5-base", "transformer-base"])
def test_generation_by_a_memory_is_counted_exactly(name: str) -> None:
    """Decoding costs nothing of the encoder, nor the keys of what it gave; caches hold these."""
    architecture = small(name)
    made = model(architecture, parts=("generate",))
    cache = made.cache(2, 9, 7)
    source, text = (torch.zeros(2, n, dtype=torch.int64, device="meta") for n in (7, 5))
    position = torch.zeros(1, dtype=torch.int64, device="meta")
    counted = {
        "prefill": (5, flops(lambda: made.prefill(source, text, cache))),
        "decode": (9, flops(lambda: made.decode(text[:, :1], position, cache))),
    }
    for mode, (length, number) in counted.items():
        cost = costs(architecture, {"B": 2, "T": length, "S": 7}, mode)
        assert cost.number(cost.work.forward) == number, mode
        assert cost.cache is not None
        held = sum(buffer.numel() for layer in cache for each in layer for buffer in each.buffers())
        assert cost.number(cost.cache.held.subs({cost.graph.slots_name: Dim.of(9)})) == held


@pytest.mark.parametrize("name", ["llava-1.5-7b", "flamingo"])
def test_generation_after_pictures_is_counted_exactly(name: str) -> None:
    """No step sees a second output; pictures are read once, and Flamingo's caches hold their keys."""
    architecture = small(name)
    made = model(architecture, parts=("generate",))
    sizes = {"B": 2, "M": 3}
    shape = next(x.shape for x in architecture.semantics.inputs if x.role == "pixels")
    pixels = torch.zeros([size.value({**architecture.semantics.sample, **sizes}) for size in shape])
    cache = made.cache(2, 9, *([3] if name == "flamingo" else []))
    text = torch.zeros(2, 5, dtype=torch.int64, device="meta")
    position = torch.zeros(1, dtype=torch.int64, device="meta")
    counted = {
        "prefill": (5, flops(lambda: made.prefill(text, pixels.to("meta"), cache))),
        "decode": (9, flops(lambda: made.decode(text[:, :1], position, cache))),
    }
    for mode, (length, number) in counted.items():
        cost = costs(architecture, {**sizes, "T": length}, mode)
        assert cost.number(cost.work.forward) == number, mode
    held = sum(buffer.numel() for buffer in torch.nn.ModuleList(_flat(cache)).buffers())
    assert cost.cache is not None
    assert cost.number(cost.cache.held) == held


def _flat(caches: list[torch.nn.Module] | tuple[torch.nn.Module, ...]) -> list[torch.nn.Module]:
    return [x for each in caches for x in (each if isinstance(each, tuple) else (each,))]


def test_a_model_without_a_cache_has_none() -> None:
    assert tfspec.cost("vit-b16").cache is None
    assert tfspec.cost("gpt2").cache is None  # of its mode: a forward fills none


def test_a_cache_that_is_not_built_yet_is_not_free() -> None:
    with pytest.raises(tfspec.SpecError, match="not causal"):
        tfspec.cost("bert-base", mode="decode")


# ---- structures that no bundled spec has
HEAD = "tfspec: 1\nname: toy\ndims: {B: batch, T: 2..9, d: 8, h: 2, L: 3}\n"
STRUCTURES = {
    "a stream that nothing reads": """\
inputs: {x: float B T (d)}
streams: {s: [x, {linear: d}], dead: [x, {linear: 50}, {attend: {heads: h}}]}
outputs: {y: s}
""",
    "steps behind the mark that is read": """\
inputs: {x: float B T (d)}
streams: {s: [x, {linear: d}, {mark: here}, {linear: 70}]}
outputs: {y: s.here}
""",
    "a memory that layers read": """\
inputs: {x: float B T (d), z: float B T (d)}
blocks: {layer: {do: [{attend: {heads: h, to: memory}}]}}
streams: {memory: [z, {linear: d}], s: [x, {stack: {of: layer, depth: L}}]}
outputs: {y: s}
""",
    "one layer at two shapes": """\
inputs: {x: float B T (d), z: float B (d)}
blocks: {layer: {share: one, do: [{ffn: {hidden: 12, act: gelu}}]}}
streams: {s: [x, layer], t: [z, layer]}
outputs: {y: s, w: t}
""",
    "zeros in the shape of what is trained": """\
inputs: {x: float B T (d)}
streams: {s: [x, {linear: d}], queries: [{zeros: s}, {attend: {heads: h}}]}
outputs: {y: s, w: queries}
""",
    "wide values and grouped heads": """\
inputs: {x: float B T (d)}
blocks: {layer: {do: [{attend: {heads: 4, kv_heads: 2, head_dim: 3, v_head_dim: 5}}]}}
streams: {s: [x, {stack: {of: layer, depth: L}}]}
outputs: {y: s}
""",
}


@pytest.mark.parametrize("what", STRUCTURES)
def test_structures_are_counted_exactly(tmp_path, what: str) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(HEAD + STRUCTURES[what])
    architecture = tfspec.load(file)
    assert [*miscounted(architecture, {"B": 1, "T": 2}, {"B": 3, "T": 7})] == []


def test_decoding_takes_one_token_whatever_lengths_are_allowed(tmp_path) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(
        "tfspec: 1\nname: toy\ndims: {B: batch, T: 4..64, d: 8}\ninputs: {text: ids(9) B T}\n"
        "streams: {s: [text, {embed: d}, {attend: {heads: 2, mask: causal}}]}\noutputs: {y: s}\n"
    )
    architecture = tfspec.load(file)
    made = model(architecture, parts=("generate",))
    token = torch.zeros(2, 1, dtype=torch.int64, device="meta")
    counted = flops(lambda: made.decode(token, token[0], made.cache(2, 24)))
    cost = costs(architecture, {"B": 2, "T": 24}, "decode")
    assert cost.number(cost.work.forward) == counted


# ---- needed: the pairs of a query and a key that a mask allows
MASKED = """\
tfspec: 1
name: toy
dims: {{B: batch, T: 1..64, d: 8}}
inputs: {{x: float B T (d), valid: bool B T}}
streams: {{s: [x, {{attend: {{heads: 2, mask: {mask}}}}}]}}
outputs: {{y: s}}
"""


@pytest.mark.parametrize(
    ("mask", "allowed", "exact"),
    [
        ("causal", lambda q, k: k <= q, True),
        ("within(5)", lambda q, k: abs(q - k) < 5, True),
        ("causal and within(5)", lambda q, k: q - 5 < k <= q, True),
        ("causal and key.valid", lambda q, k: k <= q, False),
        ("key.valid", lambda q, k: True, False),
    ],
)
@pytest.mark.parametrize("tokens", [1, 3, 5, 17])
def test_needed_counts_the_pairs_that_a_mask_allows(
    tmp_path, mask: str, allowed, exact: bool, tokens: int
) -> None:
    """All of them, or where the mask reads an input at most so many, and the table says so."""
    file = tmp_path / "toy.yaml"
    file.write_text(MASKED.format(mask=mask))
    cost = tfspec.cost(file, {"B": 3, "T": tokens})
    pairs = sum(allowed(q, k) for q in range(tokens) for k in range(tokens))
    dense, needed = cost.number(cost.work.forward), cost.number(cost.work.needed)
    assert dense - needed == 3 * 2 * 2 * (tokens**2 - pairs) * (4 + 4)
    assert cost.work.exact is exact
    assert ("at most: a mask" in str(cost)) is not exact


def test_an_input_needs_no_gradient(tmp_path) -> None:
    """A stack over an input: its first layer's maps have one product less in the backward."""
    file = tmp_path / "toy.yaml"
    file.write_text(
        "tfspec: 1\nname: toy\ndims: {B: batch, T: 1..9, d: 8, L: 3}\ninputs: {x: float B T (d)}\n"
        "blocks: {layer: {do: [{ffn: {hidden: 16, act: gelu}}]}}\n"
        "streams: {s: [x, {stack: {of: layer, depth: L}}]}\noutputs: {y: s}\n"
    )
    architecture = tfspec.load(file)
    at = {"B": 2, "T": 5}
    _, backward = forward_and_backward(model(architecture), given(architecture.semantics, at))
    cost = costs(architecture, at)
    assert cost.number(cost.work.backward) == backward
    assert backward == 2 * cost.number(cost.work.forward) - 2 * 2 * 5 * 8 * 16
