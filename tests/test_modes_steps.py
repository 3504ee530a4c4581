"""Decoding where each place of the text has several tokens: Decision Transformer's returns, states and
actions, against the full forward."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import tfspec
from tests.parity.compare import answer
from tests.parity.decision import DECISION, SHAPES
from tests.parity.reference import Reference
from tests.parity.running import place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position
from tfspec import api
from tfspec.passes.cost.sizes import cached
from tfspec.runtime.verify import verify
from tfspec.spec.load import load_text

PLACES, ROOM = 9, 12
CUTS = (list(range(1, PLACES + 1)), [4, 6, 9], [2, 3, 8])
Given = Mapping[str, Tensor]


def model_of(spec: api.Architecture, style: str = "fast") -> nn.Module:
    return run_file(spec.emit(style=style, parts=("decode",))).build().double().eval()


def flags_of(valid: Tensor | None, places: int) -> dict[str, Tensor]:
    """Those of the first places; of later ones, which no text has yet, they say anything."""
    if valid is None:
        return {}
    more = torch.ones(len(valid), max(0, places - PLACES), dtype=torch.bool)
    return {"valid": torch.cat([valid[:, :places], more], dim=1)}


def stepped(model: nn.Module, given: Given, valid: Tensor | None, cuts: list[int]) -> Tensor:
    """The first output from the prompt's last place on: a prefill up to cuts[0], then chunks."""
    cache = model.cache(3, ROOM)
    prompt = {name: x[:, : cuts[0]] for name, x in given.items()}
    found = [model.prefill(**prompt, cache=cache, **flags_of(valid, cuts[0]))]
    for start, end in pairwise(cuts):
        new = {name: x[:, start:end] for name, x in given.items()}
        at = torch.arange(start, end)
        found.append(model.decode(**new, position=at, cache=cache, **flags_of(valid, ROOM)))
    return torch.cat(found, dim=1)


def first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def episodes(reference: Reference, *, padded: bool) -> tuple[Given, Tensor | None]:
    """The reference's inputs in float64, and whether its episodes are padded on the left."""
    given = {n: x.double() if x.is_floating_point() else x for n, x in reference.ours().items()}
    valid = given.pop("valid")
    return given, valid if padded else None


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("reference", [DECISION, *SHAPES], ids=str)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_place(
    reference: Reference, padded: bool, style: str
) -> None:
    model = place(model_of(reference.architecture, style), answer(reference).weights).double()
    given, valid = episodes(reference, padded=padded)
    full = first(model(**given, valid=valid))
    for cuts in CUTS:
        found = stepped(model, given, valid, cuts)
        assert_equal_at_every_position(found, full[:, : cuts[-1]], cuts[0])


@torch.no_grad()
def test_a_place_is_given_again_when_its_action_is_known() -> None:
    """An action follows from what comes before it: it is asked for with any in its place."""
    model = place(model_of(DECISION.architecture), answer(DECISION).weights).double()
    given, _ = episodes(DECISION, padded=False)
    full, cache = first(model(**given)), model.cache(3, PLACES)
    unknown = dict(given) | {"actions": torch.full_like(given["actions"], 7.0)}
    found = [model.prefill(**{n: x[:, :1] for n, x in unknown.items()}, cache=cache)]
    for at in range(1, PLACES):
        last = {n: torch.cat([given[n][:, at - 1 : at], x[:, at : at + 1]], dim=1)
                for n, x in unknown.items()}  # fmt: skip
        made = model.decode(**last, position=torch.arange(at - 1, at + 1), cache=cache)
        found.append(made[:, 1:])
    assert_equal_at_every_position(torch.cat(found, dim=1), full, 1)


# ---- other structures

SMALL = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..20, V: 31, a: 5, d: 24, h: 3}
inputs: {seen: float B T (a), kinds: ids(V) B T, done: float B T (a), valid: bool B T}
blocks:
  layer:
    norm: {at: pre}
    bias: false
    do: [attend: {heads: h, mask: causal}, ffn: {hidden: 2 * width, act: gelu}]
streams:
  path:
    - sum:
        - zip: {slot: {s: [seen, {linear: d}], a: [done, {linear: d}]}}
        - [kinds, {embed: d}]
    - stack: {of: layer, depth: 2}
    - norm
outputs:
  act: [path, {take: {slot: s}}, {linear: a}]
"""
ATTEND = "mask: causal}"
STACK = "    - stack: {of"
CHANGES = {
    "a table of places": (STACK, "    - pos: {learned: T}\n" + STACK),
    "a table of tokens": (STACK, "    - pos: learned\n" + STACK),
    "a table of slots": (STACK, "    - pos: {learned: slot}\n" + STACK),
    "sinusoids of tokens": (STACK, "    - pos: sinusoidal\n" + STACK),
    "sinusoids of places and slots": (STACK, "    - pos: {sinusoidal: T*slot}\n" + STACK),
    "rotations": (ATTEND, "mask: causal, rope: 10000}"),
    "slopes": (ATTEND, "mask: causal, alibi: true}"),
    "buckets": (ATTEND, "mask: causal, rel_bias: {buckets: 8, max: 16}}"),
    "a window of tokens": (ATTEND, "mask: causal and within(3)}"),
    "a window of places": (ATTEND, "mask: causal and query.T - key.T <= 2}"),
    "its own slots": (ATTEND, "mask: causal and (key.slot == query.slot or key.T == query.T)}"),
    "flags of queries": (ATTEND, "mask: causal and (key.valid or query.valid)}"),
    "grouped keys": (ATTEND, "mask: causal, kv_heads: 1}"),
    "a latent": (ATTEND, "mask: causal, rope: 10000, latent: {q: 8, kv: 12, rope: 4}}"),
    "all tokens": ("[path, {take: {slot: s}}, {linear: a}]", "[path, {linear: a}]"),
    "a number without features": ("seen: float B T (a)", "seen: float B T"),
    "a grid in each place": (
        "B T (a), kinds: ids(V) B T, done: float B T (a)",
        "B T K (a), kinds: ids(V) B T, done: float B T K (a)",
    ),
    "two texts of one length": (
        "streams:\n",
        "streams:\n  other: [kinds, {embed: d}, {stack: {of: layer, depth: 1}}]\n",
    ),
}


def small(*changes: tuple[str, str]) -> api.Architecture:
    text = SMALL
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new, 1)
    return api.Architecture(load_text(text))


SHAPES_OF = {"a number without features": ((), (5,)), "a grid in each place": ((2, 5), (2, 5))}
"""Of `seen` and `done`, what stands at a place."""


def drawn(*shapes: tuple[int, ...]) -> Given:
    rng = torch.Generator().manual_seed(3)
    seen, done = (
        torch.randn(3, PLACES, *shape, generator=rng, dtype=torch.double)
        for shape in shapes or ((5,), (5,))
    )
    return {"seen": seen, "done": done, "kinds": torch.randint(31, (3, PLACES), generator=rng)}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("what", CHANGES)
@torch.no_grad()
def test_other_steps_decode_as_they_run(what: str, style: str) -> None:
    changes = [CHANGES[what]]
    if what == "a grid in each place":
        changes += [("d: 24,", "d: 24, K: 2,")]
    if what == "two texts of one length":  # one has a token a place, and one has two
        changes += [("- [kinds, {embed: d}]", "- other")]
    model = model_of(small(*changes), style)
    randomise(dict(model.named_parameters()), seed=7)
    given = drawn(*SHAPES_OF.get(what, ()))
    flagged = what == "flags of queries"
    valid = torch.rand(3, PLACES, generator=torch.Generator().manual_seed(1)) < 0.6
    flags = valid if flagged else None
    full = first(model(**given, **flags_of(flags, PLACES)))
    tokens = full.shape[1] // PLACES
    for cuts in CUTS:
        found = stepped(model, given, flags, cuts)
        each = [
            x[:, at::tokens] for x in (found, full[:, : tokens * cuts[-1]]) for at in range(tokens)
        ]
        for got, whole in zip(each[:tokens], each[tokens:], strict=True):
            assert_equal_at_every_position(got, whole, cuts[0])


TWO_OUTPUTS = "{linear: a}]\n  other: [x, {linear: 2}]\n"


@torch.no_grad()
def test_what_the_first_output_does_not_read_is_not_asked_for() -> None:
    more = ("inputs: {", "inputs: {x: float B T (a), "), ("{linear: a}]\n", TWO_OUTPUTS)
    model = model_of(small(*more))
    given = drawn()
    x = torch.randn(3, PLACES, 5, dtype=torch.double)
    full, cache = model(**given, x=x)[0], model.cache(3, ROOM)
    model.prefill(**{n: v[:, :4] for n, v in (given | {"x": x}).items()}, cache=cache)
    new = {n: v[:, 4:] for n, v in given.items()}
    found = model.decode(**new, position=torch.arange(4, PLACES), cache=cache)
    assert_equal_at_every_position(found, full[:, 4:], 1)


@pytest.mark.parametrize("style", STYLES)
def test_every_comment_holds_in_every_mode(style: str) -> None:
    sets = {"d": 24, "h": 3, "L": 2, "steps": 11}
    report = verify(tfspec.load("decision-transformer", sets), style=style, parts=("decode",))
    assert report.ok, report
    assert "prefill, decode" in str(report)


@pytest.mark.parametrize("name", ["seen", "maps", "cache"])
def test_a_file_runs_a_prompt_and_its_last_place(name: str) -> None:
    """An input may be called as what decoding takes itself."""
    called = ("seen: float", f"{name}: float"), ("s: [seen,", f"s: [{name},")
    code = small(*called).emit(parts=("decode",))
    assert "def generate" not in code
    said = io.StringIO()
    with redirect_stdout(said):
        exec(
            code.replace("= compile(model)", "= model.prefill, model.decode"),
            {"__name__": "__main__"},
        )
    assert said.getvalue().startswith("(2, 1, 5) (2, 1, 5)\n")


# ---- what it costs


def test_a_step_costs_what_its_tokens_cost() -> None:
    """Three tokens a place: each against three slots a place, of which the cache keeps both."""
    cost = json.loads(tfspec.load("decision-transformer", {"T": 100}).cost("decode").json())
    d, f, L, state, act = 128, 512, 3, 17, 4
    maps = 3 * L * (4 * d * d + 2 * d * f) + d * (1 + state + act) + d * act
    assert cost["flops"]["forward"] == 2 * maps + L * 4 * 3 * (3 * 100) * d
    assert cost["memory"]["cache"] == 4 * L * 2 * (3 * 100) * d


def test_shapes_have_three_tokens_a_place() -> None:
    text = str(tfspec.load("decision-transformer").shapes("decode"))
    assert "k               3·S     [B, h, 3·S, k]" in text
    assert "next_action           T       [B, T, act]" in text


def test_a_window_of_tokens_is_what_is_needed_of_a_cache() -> None:
    """Two layers keep keys and values of 24 features of two tokens a place; three are asked for."""
    held = cached(small((ATTEND, "mask: causal and within(3)}")).semantics)
    assert held is not None
    sizes = {"B": 1, "S": 100, "d": 24, "h": 3}
    assert (held.held.value(sizes), held.needed.value(sizes)) == (96 * 200, 96 * 3)


# ---- the tests can see

MISTAKES = {
    "a place has one token": ("position[:, None] * 3 + inside", "position[:, None] + inside"),
    "tokens in another order": ("(position[:, None] * 3 + inside)", "(position[:, None] * 3 + 2 - inside)"),
    "flags of tokens for places": ("cache[0].slots // 3", "cache[0].slots"),
    "the last token for the last place": ("[:, -3:].unflatten(1, (-1, 3))[:, :, 1]", "[:, -1:]"),
    "room for a third": ("3 * length", "length"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = DECISION.architecture.emit(parts=("decode",))
    assert old in source
    built = run_file(source.replace(old, new)).build()
    model = place(built, answer(DECISION).weights).double().eval()
    given, valid = episodes(DECISION, padded=True)
    full = first(model(**given, valid=valid))
    flags = None if mistake == "flags of tokens for places" else valid
    with pytest.raises((AssertionError, RuntimeError)):
        assert_equal_at_every_position(stepped(model, given, flags, CUTS[1]), full, 4)


REFUSED = {
    "a place of the text": (
        [("{take: {slot: s}}", "{take: {T: 0}}")],
        "`take T = 0` is not supported yet in decoding",
    ),
    "rotations by place and slot": (
        [(ATTEND, "mask: causal, rope: {base: 100, over: [T, slot]}}")],
        "`rope` over axes is not supported yet in decoding",
    ),
    "places of any number of tokens": (
        [("d: 24,", "d: 24, K: 1..4,"), CHANGES["a grid in each place"]],
        "a text with 2·K·T tokens along T is not supported yet with a cache",
    ),
    "no attention": (
        [("[path, {take: {slot: s}}, {linear: a}]", "[seen, {linear: a}]\n  then: path")],
        "an output without attention in the text, as `act`, is not supported yet in decoding",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_decoded_is_refused_with_its_place(what: str) -> None:
    changes, message = REFUSED[what]
    with pytest.raises(api.SpecError) as caught:
        small(*changes).emit(parts=("decode",))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("TS901", message)
    assert found.span is not None


def test_numbers_are_not_continued_and_the_message_says_what_there_is() -> None:
    with pytest.raises(
        api.SpecError, match="the input `returns` is not supported yet in"
    ) as caught:
        tfspec.load("decision-transformer").emit(parts=("generate",))
    assert "`--with decode` has `prefill` and `decode`, called step by step" in str(caught.value)


def test_a_text_of_several_tokens_a_place_is_continued() -> None:
    """The room of a cache is counted in places, where a place has two tokens."""
    changes = [
        ("seen: float B T (a), ", ""),
        ("done: float B T (a), ", ""),
        ("valid: bool B T", ""),
    ]
    changes += [
        ("[seen, {linear: d}]", "[kinds, {embed: d}]"),
        ("[done, {linear: d}]", "[kinds, {embed: d}]"),
    ]
    changes += [("{take: {slot: s}}, {linear: a}", "{take: {slot: a}}, {linear: V}")]
    file = run_file(small(*changes).emit(parts=("generate",)))
    model = file.build().eval()
    randomise(dict(model.named_parameters()), seed=7, scale=3)
    text, cache = torch.randint(31, (2, 4)), model.cache(2, 9)
    found = file.generate(text, 5, cache, model.prefill, model.decode).clone()
    with torch.no_grad():
        assert torch.equal(found[:, 4:], first(model(found))[:, 3:-1].argmax(-1))
    with pytest.raises(ValueError, match="the cache has room for 9 tokens"):
        file.generate(text, 6, cache, model.prefill, model.decode)
