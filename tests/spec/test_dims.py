"""Dims: their domains, expressions over each other, cycles, and values set from outside."""

from typing import Any

import pytest

import tfspec
from tests.spec.small import load_changed, shown
from tfspec.spec.cycles import cycles, ordered
from tfspec.spec.declare import check_dim, check_input
from tfspec.spec.environment import environment
from tfspec.spec.override import set_dims
from tfspec.spec.schema import Spec


def spec_with(dims: str) -> Spec:
    loaded = load_changed(("dims: {", f"dims: {{{dims}, "))
    assert list(loaded.diagnostics) == []
    assert loaded.spec is not None
    return loaded.spec


def test_environment() -> None:
    env = environment(
        spec_with("f: 4 * d, k: d / h, half: T // 2, q: half + f, m: multiple(8)").dims
    )
    sizes = {name: each.ascii() for name, each in env.sizes.items()}
    assert sizes["f"] == "f"
    assert sizes["k"] == "k"
    assert sizes["half"] == "T//2"
    assert sizes["q"] == "f + T//2"
    assert {name: str(each) for name, each in env.domains.items()} == {
        "B": "batch", "T": "1..16", "V": "100", "d": "8", "h": "2", "f": "32", "k": "4",
        "m": "multiple(8)",
    }  # fmt: skip
    assert env.bound == {"V": 100, "d": 8, "h": 2, "f": 32, "k": 4}


def test_set_dims() -> None:
    spec = spec_with("f: 4 * d")
    changed, found = set_dims(spec, {"d": "16", "T": "1..4", "B": 3})
    assert found == []
    env = environment(changed.dims)
    assert env.bound == {"B": 3, "V": 100, "d": 16, "h": 2, "f": 64}
    assert str(env.domains["T"]) == "1..4"
    assert environment(spec.dims).bound["d"] == 8


def test_set_dims_skips_expect() -> None:
    spec = load_changed(("streams:", "expect: {params: 1}\nstreams:")).spec
    assert spec is not None
    changed, (note,) = set_dims(spec, {"d": 16})
    assert changed.expect is None
    assert (note.severity, note.message) == (
        "note", "`expect` is not checked, because `d` is set from outside",
    )  # fmt: skip
    same, found = set_dims(spec, {"d": 8})
    assert (same.expect, found) == (spec.expect, [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"D": 3}, "nowhere TS410 there is no dim `D` to set = did you mean `d`?"),
        ({"zz": 3}, "nowhere TS410 there is no dim `zz` to set = the dims are B, T, V, d, h"),
        ({"d": 0}, "nowhere TS411 `d` cannot be `0`: a size is at least 1, and 0 is not = write a whole number from 1 on, or what `dims` takes: `2 * h`, `1..512`, `multiple(32)`"),
        ({"d": "1.5"}, "nowhere TS411 `d` cannot be `1.5`: a size is a whole number, and 1.5 is not = write a whole number from 1 on, or what `dims` takes: `2 * h`, `1..512`, `multiple(32)`"),
        ({"d": "5..2"}, "nowhere TS411 `d` cannot be `5..2`: the range 5..2 is empty = write 2..5"),
        ({"d": "x + 1"}, "nowhere TS411 `d` cannot be `x + 1`: there is no dim `x` = the dims are B, T, V, d, h"),
        ({"d": "h - 2"}, "nowhere TS251 `d` comes to 0, and a size is from 1 to 2**53 (3:42 h comes from here)"),
        ({"d": ""}, "nowhere TS411 `d` cannot be ``: `d` takes a number, an expression, `batch`, `1..512` or `multiple(32)`, not nothing = write a whole number from 1 on, or what `dims` takes: `2 * h`, `1..512`, `multiple(32)`"),
    ],
)  # fmt: skip
def test_bad_values_from_outside(values: dict[str, int | str], message: str) -> None:
    spec = load_changed().spec
    assert spec is not None
    assert [shown(each) for each in set_dims(spec, values)[1]] == [message]


@pytest.mark.parametrize(
    ("written", "kind", "low", "high"),
    [
        (7, "size", 1, None),
        ("batch", "batch", 1, None),
        ("1..512", "range", 1, 512),
        (" 2 .. 3 ", "range", 2, 3),
        ("5..5", "range", 5, 5),
        ("multiple(32)", "multiple", 32, None),
        ("multiple(32) <= 448", "multiple", 32, 448),
        (" multiple( 32 )<=448 ", "multiple", 32, 448),
        ("4 * d", "size", 1, None),
    ],
)
def test_dim(written: int | str, kind: str, low: int, high: int | None) -> None:
    dim = check_dim(written)
    assert (dim.kind, dim.low, dim.high) == (kind, low, high)


def test_inputs() -> None:
    ids = check_input("ids(V + 2 * T) B T")
    assert (ids.kind, str(ids.vocabulary), [each.name for each in ids.layout]) == (
        "ids", "V + 2 * T", ["B", "T"],
    )  # fmt: skip
    image = check_input("float B 3 H W")
    assert ([each.name for each in image.layout], str(image.features)) == (
        ["B", None, "H", "W"],
        "3",
    )
    states = check_input("float B T (4 * state)")
    assert str(states.features) == "4 * state"
    flags = check_input("bool B H/p W//(2*p)")
    assert [(each.name, str(each.size)) for each in flags.axes] == [
        ("B", "B"), ("H", "H/p"), ("W", "W//(2*p)"),
    ]  # fmt: skip
    assert check_input("float").layout == ()


def test_order_and_cycles() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": [], "d": ["e", "a"], "e": ["f"], "f": ["d"], "g": ["g"]}
    assert ordered(needs) == ["c", "b", "a"]
    assert cycles(needs) == [["d", "e", "f"], ["g"]]
    assert cycles({"a": ["b"], "b": []}) == []


@pytest.mark.parametrize("size", ["1e3", "1.0e3", "1E+3", 1e3, "1000"])
def test_a_whole_number_may_be_written_with_a_power_of_ten(size: Any) -> None:
    found = tfspec.load("gpt2", {"T": size, "d": "7.68e2"}).semantics
    assert found.bound["T"] == 1000
    assert type(found.bound["T"]) is int
    assert found.facts.value(found.dims["d"]) == 768


@pytest.mark.parametrize("size", [2.5, True, [1], None, "2.5e0", "1e-3"])
def test_what_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(tfspec.SpecError, match=r"TS411.: `T` cannot be"):
        _ = tfspec.load("gpt2", {"T": size}).semantics


def test_a_batch_of_less_than_one() -> None:
    (found,) = tfspec.check("gpt2", {"B": -1}).diagnostics
    assert found.message == "`B` is declared as batch, and -1 is none of its sizes"
    assert found.help == ("the least is `--set B=1`",)
