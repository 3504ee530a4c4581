"""Formulas equal their numbers, parts sum to the whole, and growth is what doubling shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

import tfspec
from tests.bundled import NAMES, small
from tests.cost.counted import costs, sizes
from tfspec.api import Architecture, SpecError
from tfspec.passes.cost import terms
from tfspec.passes.cost.groups import GROUPS
from tfspec.passes.cost.growth import growth
from tfspec.passes.cost.report import Cost
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim, sym


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["forward", "train"])
def test_parts_sum_to_the_whole(name: str, mode: str) -> None:
    cost = tfspec.load(name).cost(mode)
    for row, parts in nested(cost.grouped("step")):
        for of in (cost.of_mode, lambda work: work.needed) if parts else ():
            assert sum(cost.number(of(each.work)) for each in parts) == cost.number(of(row.work))
    total = {}
    for by in ("step", "kind"):
        found = cost.grouped(by)
        leaves = found if by == "kind" else [
            row for row, after in zip(found, [*found[1:], replace(found[0], depth=0)], strict=True)
            if after.depth <= row.depth
        ]  # fmt: skip
        total[by] = sum(cost.number(cost.of_mode(row.work)) for row in leaves)
        params = sum(cost.number(row.params) for row in leaves)
        assert params == cost.number(cost.graph.params)
    assert set(total.values()) == {cost.number(cost.flops)}


def nested(rows):
    """Each row with those right under it."""
    for at, row in enumerate(rows):
        below = []
        for other in rows[at + 1 :]:
            if other.depth <= row.depth:
                break
            below += [other] if other.depth == row.depth + 1 else []
        yield row, below


@pytest.mark.parametrize("mode", ["forward", "train"])
@pytest.mark.parametrize("name", NAMES)
def test_text_fits_in_100_columns(name: str, mode: str) -> None:
    cost = tfspec.load(name).cost(mode)
    for by in GROUPS:
        assert max(map(len, cost.text(by).splitlines())) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_formulas_are_their_numbers(name: str) -> None:
    """Each formula, as JSON writes it, computed by Python at three bindings."""
    architecture = small(name)
    for seed in (0, 1, 2):
        found = json.loads(costs(architecture, sizes(architecture, seed), "train").json())
        pairs = [
            (found["params"]["formula"], found["params"]["total"]),
            (found["flops"]["formula"], found["flops"]["forward"]),
            (found["flops"]["needed_formula"], found["flops"]["needed"]),
            (found["flops"]["backward_formula"], found["flops"]["backward"]),
        ]
        for row in found["flops"]["by_module"]:
            pairs.append((row["params_formula"], row["params"]))
            pairs.append((row["forward_formula"], row["forward_flops"]))
            pairs.append((row["backward_formula"], row["backward_flops"]))
        for formula, number in pairs:
            assert computed(formula, found["dims"]) == number, formula
        for letter, size in found["letters"].items():
            assert computed(size, found["dims"]) == found["dims"][letter]


def computed(formula: str, dims: Mapping[str, int]) -> int:
    """A formula as the spec language has it: `/` leaves no rest."""
    value = eval(formula, {"min": min, "max": max}, dict(dims))
    assert value == int(value)
    return int(value)


# ---- growth
@pytest.mark.parametrize(
    ("name", "mode", "symbol", "order"),
    [
        ("vit-b16", "forward", "N", "O(N²·d)"),
        ("vit-b16", "forward", "d", "O(N·d²)"),
        ("gpt2", "train", "T", "O(T²·d)"),
        ("swin-t", "forward", "M", "O(M·d²)"),
        ("llama-3-8b", "decode", "S", "O(S·d)"),
        ("transformer-base", "forward", "S", "O(S²·d)"),
        ("transformer-base", "forward", "T", "O(T²·d)"),
    ],
)
def test_growth_is_read_off_the_formula(name: str, mode: str, symbol: str, order: str) -> None:
    found = {each.symbol: each.order for each in growth(tfspec.load(name).cost(mode))}
    assert found[symbol] == order


@pytest.mark.parametrize("name", NAMES)
def test_growth_is_what_doubling_shows(name: str) -> None:
    """Far out, doubling a symbol multiplies the FLOPs by 2 to its power in the order."""
    cost = tfspec.load(name).cost("train")
    assert growth(cost)
    for each in growth(cost):
        formula = cost.work.needed if each.of == "needed" else cost.flops
        if each.what == "width" or "<" in each.where:  # f is 4·d there; far out is beyond a window
            continue
        power = terms.degree(formula, each.symbol)
        far = {**cost.values, each.symbol: 2**40}
        farther = {**cost.values, each.symbol: 2**41}
        ratio = formula.value(farther) / formula.value(far)
        assert ratio == pytest.approx(2**power, rel=1e-4)
        assert f"{each.symbol}{'²' if power == 2 else ''}" in each.order


@pytest.mark.parametrize(
    ("name", "beside"),
    [("gpt2", {}), ("vit-b16", {"M": -1}), ("llama-3-8b", {}), ("transformer-base", {})],
)
def test_the_leading_terms_overtake_where_it_says(name: str, beside: dict[str, int]) -> None:
    """`beside`: letters that a length takes with it, so much further: patches without a class."""
    cost = tfspec.load(name).cost()
    told = [each for each in growth(cost) if each.overtakes is not None]
    assert told
    for each in told:
        part = terms.leading(cost.flops, each.symbol)
        rest = cost.flops - part
        for at, ahead in ((each.overtakes, True), (each.overtakes - 1, False)):
            values = {**cost.values, each.symbol: at}
            values |= {letter: at + by for letter, by in beside.items()}
            assert (part.value(values) >= rest.value(values)) is ahead


FRAMES = """
tfspec: 1
name: frames
dims: {B: batch, F: 1..32, H: 12, W: 16, p: 2, d: 12}
inputs: {clip: float B F (3) H W}
blocks: {look: [attend: {heads: 2, over: [H, W]}], time: [attend: {heads: 2}]}
streams:
  frames: [clip, patch: {size: {H: p, W: p}, width: d}, look, pool: {mean: [H, W]}, time]
outputs: {y: frames}
"""


def test_tokens_of_a_frame_are_no_share_of_a_number_that_varies() -> None:
    """More frames have as many tokens each: no attention inside of one grows with them."""
    spec = Architecture(load_text(FRAMES))
    found = {each.symbol: each.order for each in growth(spec.cost())}
    assert found == {"F": "O(F²·d)", "M": "O(F·M²·d)", "d": "O(F·M·d²)"}
    rest = [
        cost.number(cost.flops) - 4 * cost.values["F"] ** 2 * 12
        for cost in (Architecture(load_text(FRAMES), {"F": frames}).cost() for frames in (16, 32))
    ]
    assert rest[1] == 2 * rest[0]


def test_vits_attention_overtakes_at_six_widths() -> None:
    """4·N²·d = 8·N·d² + 4·N·d·f, with f = 4·d, where N = 6·d; the patches' map is as much as a
    144th of 12 layers', and the head comes on top."""
    found = {each.symbol: each.overtakes for each in growth(tfspec.load("vit-b16").cost())}
    assert found["N"] == 6 * 768 * 145 // 144 + 1


REMEMBERS = """
tfspec: 1
name: remembers
dims: {B: batch, T: 1..4096, R: 5, V: 900, d: 32}
inputs: {tokens: ids(V) B T}
blocks: {layer: [attend: {heads: 2, mask: causal}, ffn: {hidden: 4 * d, act: gelu}]}
streams: {text: [tokens, embed: d, prepend: {memory: R}, layer, drop: memory, linear: V]}
outputs: {logits: text}
"""


@pytest.mark.parametrize("taken", [1, 64, 4096])
def test_what_varies_with_a_length_grows_too_until_attention_overtakes(taken: int) -> None:
    """N = R + T tokens are attended and T are read, whatever T the cost is taken at."""

    def at(tokens: int) -> Cost:
        return Architecture(load_text(REMEMBERS), {"T": tokens}).cost()

    (told,) = (each.overtakes for each in growth(at(taken)) if each.what == "length")
    assert told is not None
    for tokens, ahead in ((told - 5, True), (told - 6, False)):
        cost = at(tokens)
        part = terms.leading(cost.flops, "N")
        assert (cost.number(part) >= cost.number(cost.flops - part)) is ahead


WINDOWED = """\
tfspec: 1
name: windowed
dims: {B: batch, T: 1..65536, d: 64, w: 256}
inputs: {x: float B T (d)}
streams:
  s: [x, {attend: {heads: 4, mask: causal and within(w)}}, {attend: {heads: 4, mask: MASK}}]
outputs: {y: s}
"""


@pytest.mark.parametrize(
    ("mask", "orders"),
    [
        ("causal and within(w)", {"T < w": "O(T²·d)", "T ≥ w": "O(T·d²)"}),
        ("causal and within(512)", {"T < w": "O(T²·d)", "T ≥ 512": "O(T·d²)"}),
        ("causal", {"T < w": "O(T²·d)", "T ≥ w": "O(T²·d)"}),
    ],
)
def test_a_window_has_two_regimes(mask: str, orders: dict[str, str]) -> None:
    """Inside of it attention is quadratic, beyond it linear, unless another layer sees all."""
    cost = Architecture(load_text(WINDOWED.replace("MASK", mask)), {"B": 1}).cost()
    found = {each.where: each for each in growth(cost) if each.of == "needed"}
    assert {where: each.order for where, each in found.items()} == orders
    needed, values = cost.work.needed, cost.values
    far, farther = (needed.value({**values, "T": 2**n}) for n in (39, 40))
    power = 2 if "T²" in list(orders.values())[1] else 1
    assert farther / far == pytest.approx(2**power, rel=1e-4)


def test_regimes_are_the_formula_on_each_side() -> None:
    a, b = sym("a"), sym("b")
    formula = 3 * Dim.minimum(a, b) * a + Dim.minimum(a, Dim.of(40))
    found = terms.regimes(formula, "a", {"a": 1, "b": 9})
    assert found is not None
    assert (found.first, found.last) == (b, Dim.of(40))
    assert (found.below, found.above) == (3 * a * a + a, 3 * a * b + 40)
    for at, side in ((5, found.below), (41, found.above)):
        values = {"a": at, "b": 9}
        assert side.value(values) == formula.value(values)
    assert terms.regimes(formula, "c", {"a": 1, "b": 9}) is None


def test_terms() -> None:
    a, b = sym("a"), sym("b")
    formula = 4 * a * a * b + 8 * a * b * b + 3
    assert terms.degree(formula, "a") == 2
    assert terms.leading(formula, "b") == 8 * a * b * b
    assert terms.order(formula, "a", ["b"]) == "O(a²·b)"
    assert terms.order(a * a.exact_div(b), "a", []) == "O(a²)"
    assert terms.degree(Dim.minimum(a, b), "a") == 0
    assert terms.degree(Dim.maximum(a, b), "a") == 1
    assert terms.overtakes(a * a, 10 * a, "a", {}) == 10
    assert terms.overtakes(a, Dim.of(0), "a", {}) is None


def test_lengths_at_which_nothing_can_be_divided_are_passed_over() -> None:
    """Tokens that are merged four by four: of all lengths, only multiples of 4 are ones."""
    a, m = sym("a"), sym("m")
    merged = 40 * a.exact_div(m * m)
    assert terms.overtakes(a * a, merged, "a", {"a": 20, "m": 2}) == 12
    assert terms.overtakes(a * a * a, merged, "a", {"a": 20, "m": 2}) == 4
    shifted = 40 * (a - 1).exact_div(m * m) + 2
    assert terms.overtakes(a * a, shifted, "a", {"a": 21, "m": 2}) == 13
    deeper = 40 * (1 + a.exact_div(m)).exact_div(m)
    assert terms.overtakes(a * a, deeper, "a", {"a": 22, "m": 2}) == 14


@pytest.mark.parametrize(
    ("name", "at", "dtype", "kept", "loss"),
    [
        # measured with autograd's hooks, cross entropy on the logits counted: its log-softmax of
        # the logits' dtype, and one number more
        ("gpt2", {"B": 8, "T": 1024}, "fp32", 6_535_348_228, (8 * 1024 * 50257 + 1) * 4),
        # there, with heads turned after they were transposed, 32,106,364,930: turning them inside
        # of tokens saves 2 bytes x (h·k for the joined heads, (h + g)·k of v's) a token and layer
        (
            "llama-3-8b", {"B": 1, "T": 4096}, "bf16",
            32_106_364_930 - 32 * 4096 * 2 * (4096 + 4096 + 1024), (4096 * 128256 + 1) * 2,
        ),
    ],
)  # fmt: skip
def test_activations_are_what_was_measured_at_full_size(
    name: str, at: dict[str, int], dtype: str, kept: int, loss: int
) -> None:
    cost = tfspec.load(name, at).cost("train", dtype=dtype)
    assert {each.name: each.value for each in cost.memory}["activations"] + loss == kept


def test_what_cannot_be_told_is_not_a_crash() -> None:
    """A letter divides a leading term; and what is divided by is 0 before attention overtakes."""
    n, m = sym("n"), sym("m")
    assert terms.order((n * n).exact_div(m) + n, "n", ["m"]) == "O(n²)"
    assert terms.overtakes(n * n, (3 * m).exact_div(n - 1), "n", {"n": 5, "m": 4}) is None


def test_a_weight_that_no_output_reads_is_nothing_to_train() -> None:
    text = "dims: {B: batch, d: 4}\ninputs: {x: float B (d)}\n"
    streams = "streams: {s: [x, {norm: {kind: l2}}], t: [x, {linear: d}]}\noutputs: {y: s}\n"
    model = Architecture(load_text(f"tfspec: 1\nname: idle\n{text}{streams}"))
    with pytest.raises(SpecError, match="nothing to train on the way to any output") as refused:
        model.cost(mode="train")
    (said,) = refused.value.diagnostics
    assert said.primary is not None
    assert (said.primary.text, said.help) == (
        "no weight leads to this", ("give the output a `linear` of its own",)
    )  # fmt: skip
    assert "nothing to train" in model.report().html()
