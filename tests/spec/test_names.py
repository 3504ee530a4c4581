"""Names: what a bare name may be, what reads what, and mistakes that show only once."""

import random
import re
from pathlib import Path

import pytest

from tests.spec.small import SMALL, load_changed, shown
from tfspec.diagnostics.text import render
from tfspec.spec.dependencies import stream_order
from tfspec.spec.load import load, load_text
from tfspec.spec.names import collect

DRAFTS = sorted((Path(__file__).parents[1] / "drafts").glob("*.yaml"))
HEAD = "tfspec: 1\nname: x\ninputs: {t: float}\n"


def messages(text: str) -> list[str]:
    return [shown(each) for each in load_text(text).diagnostics]


def test_one_unknown_name_gives_one_message() -> None:
    loaded = load_changed(("V: 100, d: 8", "V: 100, dd: 8"))
    assert [shown(each) for each in loaded.diagnostics] == [
        "12:26-27 TS133 there is no dim `d` = did you mean `dd`?"
    ]
    loaded = load_changed(
        ("h: 2}", "hh: 2}"), ("act: gelu", "act: gelu, bias: true}\n      - attend: {heads: h")
    )
    assert [shown(each) for each in loaded.diagnostics] == [
        "9:25-26 TS133 there is no dim `h` = did you mean `hh`? (11:25 also here)"
    ]


def test_a_missing_section_gives_one_message() -> None:
    dims = "dims: {B: batch, T: 1..16, V: 100, d: 8, h: 2}\n"
    loaded = load_changed((dims, ""))
    assert [shown(each) for each in loaded.diagnostics] == [
        "3:22-23 TS133 there is no dim `V` = the spec has no `dims` (13:27 also here)"
    ]


@pytest.mark.parametrize(
    ("streams", "found"),
    [
        # A bare name in `to` is a part of the current value first: no circle.
        ("a: [t, {linear: 4}, {attend: {heads: 1, to: a}}]", []),
        ("a: [t, {prepend: cls}, {attend: {heads: 1, to: cls}}]", []),
        ("a: [t]\n  b: [{concat: [a, t]}, {attend: {heads: 1, only: a, to: t}}]", []),
        # A stream may read its own mark.
        ("a: [t, {mark: m}, relu, {attend: {heads: 1, to: m}}]", []),
        ("a: [t, {mark: m}, relu, {sum: [a.m, relu]}]", []),
        ("a: [t]\n  b: [t, {attend: {heads: 1, to: a}}]", []),
        (
            "a: [t, {attend: {heads: 1, to: b}}]\n  b: [t, {attend: {heads: 1, to: a}}]",
            ["5:34-35 TS137 streams read each other: `a` -> `b` -> `a` (6:34 and here)"],
        ),
        (
            "a: [b.m]\n  b: [a, {mark: m}]",
            ["5:7-10 TS137 streams read each other: `a` -> `b` -> `a` (6:7 and here)"],
        ),
        ("a: [a]", ["5:7-8 TS137 stream `a` reads itself = name another one, or a mark that stands before: `stream.mark`"]),
        (
            "a: [t, {zeros: b}]\n  b: [t]",
            ["5:11-16 TS134 `zeros` is a source, and stands first in a pipeline = to combine two values: sum, join or concat"],
        ),
        (
            "a: [{sum: [t, [relu]]}]",
            ["5:18-22 TS135 `relu` works on a value, and here is none yet = begin with an input or a stream, such as `t`, or with `learn`"],
        ),
        ("a: [{sum: [t, [t, relu]]}, {sum: [relu, [t, relu]]}]", []),
        (
            "a: [t.m]",
            [
                "5:7-10 TS133 there is no input, stream, block or step `t.m` = only `t` is there to read"
            ],
        ),
    ],
)  # fmt: skip
def test_streams(streams: str, found: list[str]) -> None:
    assert messages(f"{HEAD}streams:\n  {streams}\noutputs: {{o: t}}\n") == found


def test_stream_order_is_by_need() -> None:
    text = HEAD + "streams: {a: [b, relu], c: [t], b: [{concat: [c, t]}]}\noutputs: {o: a}\n"
    spec = load_text(text).spec
    assert spec is not None
    assert stream_order(spec, collect(spec)[0]) == ["c", "b", "a"]


@pytest.mark.parametrize("name", ["a'\\\"b", "a\\nb", "\\u202Eabc", "[red]x[/red]", "x" * 300])
def test_hostile_names_are_text(name: str) -> None:
    loaded = load_text(SMALL.replace("dims: {", f'dims: {{"{name}": 3, '))
    assert [each.code for each in loaded.diagnostics] == ["TS105"]
    shown_text = render(loaded.diagnostics, loaded.sources, color=False)
    assert "\u202e" not in shown_text
    assert max(map(len, shown_text.splitlines())) < 200


@pytest.mark.parametrize("seed", range(300))
def test_mutated_drafts_never_crash(seed: int) -> None:
    rng = random.Random(seed)
    text = rng.choice(DRAFTS).read_text()
    words = sorted({*re.findall(r"[\w./*]+", text), "null", "true", "[]", "{}", "-1", "none", "~"})
    for _ in range(rng.randint(1, 3)):
        found = rng.choice(list(re.finditer(r"[A-Za-z0-9_./*]+", text)))
        text = text[: found.start()] + rng.choice(words) + text[found.end() :]
    loaded = load_text(text, str(DRAFTS[0]))
    assert (loaded.spec is None) == (not loaded.diagnostics.ok), text
    assert all(each.span for each in loaded.diagnostics), text
    render(loaded.diagnostics, loaded.sources, color=False)


def test_many_unknown_names_end_soon() -> None:
    names = ", ".join(f"x{index}" for index in range(9000))
    loaded = load_text(f"{HEAD}streams: {{s: [t, {names}]}}\noutputs: {{o: s}}\n")
    assert len(loaded.diagnostics) == 9000


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.stem)
def test_equal_specs_are_equal(path: Path) -> None:
    first, second = load(path).spec, load(path).spec
    assert first == second
    assert hash(first) == hash(second)
