"""Structures that a compiler easily gets wrong, against plain computations written by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.parity.compare import OUTPUTS
from tests.parity.running import model_of, place, randomise, relative
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
DIMS = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, S: 1..9, V: 50, d: 12, h: 3, c: 5}
inputs: {x: float B T (c), y: float B S (c)}
"""

Weights = dict[str, Tensor]
Plain = Callable[[Weights, Tensor, Tensor], Tensor]
Run = Callable[[Weights, Tensor], Tensor]


def spec(text: str) -> api.Architecture:
    return api.Architecture(load_text(DIMS + text))


def weights_of(architecture: api.Architecture) -> Weights:
    """Random weights by their semantic names, which the explicit style's file has."""
    model = model_of(architecture.emit(style="explicit"))
    randomise(dict(model.named_parameters()), seed=8)
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


def models(architecture: api.Architecture) -> tuple[list[nn.Module], Weights]:
    """The model in both styles, on one set of weights."""
    weights = weights_of(architecture)
    return [place(model_of(architecture.emit(style=s)), weights) for s in STYLES], weights


def inputs() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(9)
    return torch.randn(2, 7, 5, generator=rng), torch.randn(2, 4, 5, generator=rng)


def assert_computes(text: str, *expected: Plain) -> None:
    """Each output of the spec is what its plain computation (w, x, y) gives, in both styles."""
    built, w = models(spec(text))
    x, y = inputs()
    for model in built:
        with torch.no_grad():
            outputs = model(x, y)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert len(outputs) == len(expected)
        for output, plain in zip(outputs, expected, strict=True):
            assert relative(output, plain(w, x, y)) <= OUTPUTS


# ---- the plain computations


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def attention(w: Weights, name: str, x: Tensor, heads: int = 3) -> Tensor:
    def split(role: str) -> Tensor:
        return linear(w, f"{name}.{role}", x).unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = split("q"), split("k"), split("v")
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return linear(w, f"{name}.out", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def mlp(w: Weights, name: str, x: Tensor) -> Tensor:
    return linear(w, f"{name}.down", linear(w, f"{name}.up", x).relu())


ATTEND = "attend: {heads: h}"
FFN = "ffn: {hidden: 20, act: relu}"


# ---- parallel branches of one value


def test_a_sum_inside_one_branch_reads_one_normed_value() -> None:
    """x + attention(h) + mlp(h), h = norm(x): one norm for both."""

    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(2):
            h = norm(w, f"blocks.{i}.norm", x)
            x = x + attention(w, f"blocks.{i}.attention", h) + mlp(w, f"blocks.{i}.mlp", h)
        return x

    text = f"""
blocks: {{layer: {{norm: {{at: pre}}, do: [sum: [{ATTEND}, {FFN}]]}}}}
streams: {{s: [x, linear: d, stack: {{of: layer, depth: 2}}]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


def test_par_reads_the_value_at_entry_each_with_its_own_norm() -> None:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(2):
            b = f"blocks.{i}"
            a = attention(w, f"{b}.attention", norm(w, f"{b}.norm1", x))
            m = mlp(w, f"{b}.mlp", norm(w, f"{b}.norm2", x))
            x = x + a + m
        return x

    text = f"""
blocks: {{layer: {{norm: {{at: pre}}, do: [par: [{ATTEND}, {FFN}]]}}}}
streams: {{s: [x, linear: d, stack: {{of: layer, depth: 2}}]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


def test_a_series_reads_what_the_branch_before_left() -> None:
    """The same two branches one after the other are another model."""

    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        x = x + attention(w, "blocks.0.attention", norm(w, "blocks.0.norm1", x))
        return x + mlp(w, "blocks.0.mlp", norm(w, "blocks.0.norm2", x))

    text = f"""
blocks: {{layer: {{norm: {{at: pre}}, do: [{ATTEND}, {FFN}]}}}}
streams: {{s: [x, linear: d, stack: {{of: layer, depth: 1}}]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


def test_a_sum_of_three_with_the_value_itself_and_a_series() -> None:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        z = linear(w, "linear1", x)
        return (
            z.relu()
            + linear(w, "linear3", linear(w, "linear2", z).tanh())
            + attention(w, "attention", z)
        )

    text = f"""
streams: {{s: [x, linear: d, sum: [relu, [linear: 8, tanh, linear: d], {ATTEND}]]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


# ---- two feed-forwards of different sizes


def test_two_feed_forwards_of_different_sizes_in_one_layer() -> None:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(2):
            b = f"blocks.{i}"
            x = x + mlp(w, f"{b}.mlp1", norm(w, f"{b}.norm1", x))
            x = x + mlp(w, f"{b}.mlp2", norm(w, f"{b}.norm2", x))
        return x

    text = """
blocks:
  layer:
    norm: {at: pre}
    do: [ffn: {hidden: 20, act: relu}, ffn: {hidden: 7, act: relu}]
streams: {s: [x, linear: d, stack: {of: layer, depth: 2}]}
outputs: {o: s}
"""
    assert_computes(text, plain)


def test_two_feed_forwards_of_different_sizes_in_two_blocks() -> None:
    """One class with a constructor argument, or two classes: never one size for both."""

    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(4):
            x = x + mlp(w, f"blocks.{i}.mlp", norm(w, f"blocks.{i}.norm", x))
        return x

    text = """
blocks:
  wide: {norm: {at: pre}, do: [ffn: {hidden: 20, act: relu}]}
  slim: {norm: {at: pre}, do: [ffn: {hidden: 7, act: relu}]}
streams: {s: [x, linear: d, stack: {of: [wide, slim], depth: 4}]}
outputs: {o: s}
"""
    assert_computes(text, plain)
    assert spec(text).emit().count("class FeedForward(") == 1


def test_two_widths_of_one_block_in_two_streams() -> None:
    """Everything in it differs: norms, maps and the sizes of heads."""

    def stream(name: str) -> Plain:
        def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
            x = linear(w, f"{name}_linear", x if name == "s" else y)
            x = x + attention(w, f"{name}_layer.attention", norm(w, f"{name}_layer.norm1", x))
            return x + mlp(w, f"{name}_layer.mlp", norm(w, f"{name}_layer.norm2", x))

        return plain

    text = f"""
blocks: {{layer: {{norm: {{at: pre}}, do: [{ATTEND}, ffn: {{hidden: 2 * width, act: relu}}]}}}}
streams: {{s: [x, linear: d, layer], t: [y, linear: 2 * d, layer]}}
outputs: {{o: s, p: t}}
"""
    assert_computes(text, stream("s"), stream("t"))


# ---- one shared layer at two shapes


def shared(name: str, run: Run) -> Plain:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return run(w, linear(w, f"{name}_linear", x if name == "s" else y))

    return plain


def layer(w: Weights, x: Tensor) -> Tensor:
    x = x + attention(w, "same.attention", norm(w, "same.norm1", x))
    return x + mlp(w, "same.mlp", norm(w, "same.norm2", x))


SHARED = {
    "a block": (
        f"blocks: {{layer: {{share: same, norm: {{at: pre}}, do: [{ATTEND}, {FFN}]}}}}",
        "layer",
        layer,
    ),
    "an attention": (
        "",
        "attend: {heads: h, share: same}",
        lambda w, x: attention(w, "same", x),
    ),
    "a feed-forward": (
        "",
        "ffn: {hidden: 20, act: relu, share: same}",
        lambda w, x: mlp(w, "same", x),
    ),
    "a linear map": (
        "",
        "linear: {width: 9, bias: false, share: same}",
        lambda w, x: x @ w["same.weight"].T,
    ),
}


@pytest.mark.parametrize("what", SHARED)
def test_one_shared_layer_at_two_shapes(what: str) -> None:
    blocks, step, run = SHARED[what]
    text = f"""
{blocks}
streams: {{s: [x, linear: d, {step}], t: [y, linear: d, {step}]}}
outputs: {{o: s, p: t}}
"""
    assert_computes(text, shared("s", run), shared("t", run))
    names = [name for name in weights_of(spec(text)) if name.startswith("same")]
    assert names, "the shared weights are there once, under their name"
    params = sum(tensor.numel() for tensor in weights_of(spec(text)).values())
    assert spec(text).check().params == params


def test_one_shared_layer_twice_in_a_row_and_in_each_layer_of_a_stack() -> None:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(2):
            for _ in range(2):
                x = x + attention(w, "same", x)
            x = x + mlp(w, f"blocks.{i}.mlp", x)
        return x

    step = "attend: {heads: h, share: same}"
    text = f"""
blocks: {{layer: {{do: [{step}, {step}, {FFN}]}}}}
streams: {{s: [x, linear: d, stack: {{of: layer, depth: 2}}]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


def test_a_shared_branch_shares_its_norm() -> None:
    def plain(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        x = linear(w, "linear", x)
        for i in range(2):
            b = f"blocks.{i}"
            x = x + attention(w, "same", norm(w, "same_norm", x))
            x = x + mlp(w, f"{b}.mlp", norm(w, f"{b}.norm", x))
        return x

    text = f"""
blocks: {{layer: {{norm: {{at: pre}}, do: [attend: {{heads: h, share: same}}, {FFN}]}}}}
streams: {{s: [x, linear: d, stack: {{of: layer, depth: 2}}]}}
outputs: {{o: s}}
"""
    assert_computes(text, plain)


def test_words_tied_three_times() -> None:
    """One table embeds two inputs and makes the logits; a bias stays the map's own."""
    text = """\
tfspec: 1
name: tied
dims: {B: batch, T: 1..16, S: 1..9, V: 50, d: 12}
inputs: {a: ids(V) B T, b: ids(V) B S}
streams:
  s: [a, embed: {width: d, share: words}, tanh]
  t: [b, embed: {width: d, share: words}]
outputs:
  o: [s, linear: {width: V, share: words}]
  p: [t, linear: {width: V, bias: false, share: words}]
"""
    architecture = api.Architecture(load_text(text))
    built, w = models(architecture)
    assert {name: tuple(t.shape) for name, t in w.items()} == {
        "words.weight": (50, 12),
        "o_bias": (50,),
    }
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.randint(0, 50, (2, n), generator=rng) for n in (7, 4))
    table = w["words.weight"]
    for model in built:
        with torch.no_grad():
            o, p = model(a, b)
        assert relative(o, table[a].tanh() @ table.T + w["o_bias"]) <= OUTPUTS
        assert relative(p, table[b] @ table.T) <= OUTPUTS


UNEQUAL = {
    "other widths": ("linear: d", "linear: 2 * d", "TS208"),
    "other heads": ("heads: h", "heads: 4", "TS901"),
    "other biases": ("heads: h", "heads: h, bias: false", "TS901"),
    "another mask": ("heads: h", "heads: h, mask: causal", "TS901"),
}


@pytest.mark.parametrize("what", UNEQUAL)
def test_a_share_of_unequal_layers_is_refused(what: str) -> None:
    old, new, code = UNEQUAL[what]
    step = "attend: {heads: h, share: same}"
    other = f"linear: d, {step}".replace(old, new)
    text = f"streams: {{s: [x, linear: d, {step}], t: [y, {other}]}}\noutputs: {{o: s, p: t}}\n"
    assert [found.code for found in spec(text).check().diagnostics] == [code]


# ---- one value used twice


def test_a_stream_used_twice() -> None:
    def o(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "o", linear(w, "s_linear", x).tanh())

    def p(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        z = linear(w, "s_linear", x).tanh()
        return z + linear(w, "t_linear", z).relu()

    text = """
streams:
  s: [x, linear: d, tanh]
  t: [s, sum: [s, [linear: d, relu]]]
outputs: {o: [s, linear: 4], p: t}
"""
    assert_computes(text, o, p)


def test_a_branch_whose_output_is_used_twice() -> None:
    """Marked inside a stream, and read by two others after the stream has gone on."""

    def base(w: Weights, x: Tensor) -> Tensor:
        return linear(w, "s_linear1", x).tanh()

    def o(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "s_linear2", base(w, x)).relu()

    def p(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return base(w, x) * 3 + o(w, x, y)

    def q(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "q", base(w, x))

    text = """
streams:
  s: [x, linear: d, tanh, mark: early, linear: d, relu]
  t: [s.early, scale: 3, sum: [scale: 1, s]]
outputs: {o: s, p: t, q: [s.early, linear: 4]}
"""
    assert_computes(text, o, p, q)


def test_one_stack_read_by_two_heads_and_a_second_stack() -> None:
    def trunk(w: Weights, x: Tensor) -> Tensor:
        x = linear(w, "s_linear", x)
        for i in range(2):
            x = x + mlp(w, f"s_blocks.{i}.mlp", x)
        return x

    def o(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "o", trunk(w, x))

    def p(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        z = trunk(w, x)
        for i in range(3):
            z = z + mlp(w, f"t_blocks.{i}.mlp", z)
        return z + trunk(w, x)

    text = f"""
blocks: {{layer: {{do: [{FFN}]}}}}
streams:
  s: [x, linear: d, stack: {{of: layer, depth: 2}}]
  t: [s, stack: {{of: layer, depth: 3}}, sum: [scale: 1, s]]
outputs: {{o: [s, linear: 4], p: t}}
"""
    assert_computes(text, o, p)


def test_one_output_twice() -> None:
    def o(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "s_linear", x)

    def p(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "t_linear", y)

    text = "streams: {s: [x, linear: d], t: [y, linear: d]}\noutputs: {o: s, p: t, q: s, r: t}\n"
    assert_computes(text, o, p, o, p)


def test_cross_attention_reads_a_stream_that_goes_on() -> None:
    def s(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return linear(w, "s_linear", x)

    def cross(w: Weights, x: Tensor, source: Tensor) -> Tensor:
        q = linear(w, "t_cross.q", x).unflatten(-1, (3, -1)).transpose(1, 2)
        k = linear(w, "t_cross.k", source).unflatten(-1, (3, -1)).transpose(1, 2)
        v = linear(w, "t_cross.v", source).unflatten(-1, (3, -1)).transpose(1, 2)
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return linear(w, "t_cross.out", (weights @ v).transpose(1, 2).flatten(2))

    def o(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return s(w, x, y).relu()

    def p(w: Weights, x: Tensor, y: Tensor) -> Tensor:
        return cross(w, linear(w, "t_linear", y), s(w, x, y))

    text = """
streams:
  s: [x, linear: d]
  t: [y, linear: d, attend: {heads: h, to: s}]
outputs: {o: [s, relu], p: t}
"""
    assert_computes(text, o, p)
