"""The normal form against brute force: no rewriting changes a value."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import HealthCheck, assume, given, settings

from tests.symbolic.trees import Tree, Undefined, bindings, integer, size, trees
from tfspec.symbolic import Along, Dim, Indivisible
from tfspec.symbolic.claims import Equal

QUICK = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
RING = ("+", "-", "*")
EXACT = ("+", "-", "*", "*", "/", "/")


def both(tree: Tree, values: Mapping[str, int]) -> tuple[Dim, int]:
    """The tree as a size and as an integer; the example is dropped where it has no value."""
    try:
        return size(tree), integer(tree, values)
    except (Undefined, Indivisible):
        assume(False)
        raise AssertionError from None


@settings(QUICK, max_examples=400)
@given(trees(), bindings())
def test_value_is_that_of_the_tree(tree: Tree, values: dict[str, int]) -> None:
    found, expected = both(tree, values)
    assert found.value(values) == expected


@settings(QUICK, max_examples=400)
@given(trees(EXACT), bindings())
def test_value_is_that_of_the_tree_with_many_quotients(tree: Tree, values: dict[str, int]) -> None:
    found, expected = both(tree, values)
    assert found.value(values) == expected


@QUICK
@given(trees(), bindings())
def test_printed_text_is_python(tree: Tree, values: dict[str, int]) -> None:
    found, expected = both(tree, values)
    names = {name: f"x_{name}" for name in values}
    namespace = {names[name]: value for name, value in values.items()}
    assert eval(found.python(names), {"min": min, "max": max}, namespace) == expected


@QUICK
@given(trees(), bindings())
def test_substitution_of_numbers_gives_the_value(tree: Tree, values: dict[str, int]) -> None:
    found, expected = both(tree, values)
    assert found.subs(values) == expected


@QUICK
@given(trees(leaves=5), trees(leaves=4), bindings())
def test_substitution_of_a_size_gives_the_value(
    outer: Tree, inner: Tree, values: dict[str, int]
) -> None:
    put, b = both(inner, values)
    found, expected = both(outer, {**values, "b": b})
    try:
        replaced = found.subs({"b": put})
    except Indivisible:
        assume(False)
        return
    assert replaced.value(values) == expected


@QUICK
@given(trees(RING), trees(RING), trees(RING))
def test_ring_laws_are_structural(one: Tree, two: Tree, three: Tree) -> None:
    x, y, z = size(one), size(two), size(three)
    assert (x + y) + z == x + (y + z)
    assert (x * y) * z == x * (y * z)
    assert x * (y + z) == x * y + x * z
    assert x + y == y + x
    assert x * y == y * x
    assert x - x == 0


@QUICK
@given(trees(EXACT, leaves=5), trees(EXACT, leaves=5), trees(EXACT, leaves=5))
def test_ring_laws_hold_of_quotients_as_claims(one: Tree, two: Tree, three: Tree) -> None:
    try:
        x, y, z = size(one), size(two), size(three)
        laws = [Equal((x * y) * z, x * (y * z)), Equal(x * (y + z), x * y + x * z)]
        assert all(law.by_algebra() for law in laws)
    except Indivisible:
        assume(False)  # such as a·(1/(2·a)), which nothing makes whole


@QUICK
@given(trees(RING), trees(RING))
def test_a_factor_cancels(one: Tree, two: Tree) -> None:
    x, y = size(one), size(two)
    assume(y != 0)
    assert (x * y).exact_div(y) == x
    assert (x * y).floor_div(y) == x
    assert (x * y).mod(y) == 0


@QUICK
@given(trees(leaves=4), trees(leaves=4))
def test_equal_sizes_print_and_hash_alike(one: Tree, two: Tree) -> None:
    try:
        x, y = size(one), size(two)
    except Indivisible:
        assume(False)
        return
    assert (x == y) == (x.ascii() == y.ascii())
    assert x != y or hash(x) == hash(y)


@QUICK
@given(trees(), trees(), bindings(), bindings())
def test_sizes_along_some_symbols_have_their_values(
    one: Tree, two: Tree, first: dict[str, int], then: dict[str, int]
) -> None:
    """a changes and b does not; what is worked out at the first values stays."""
    there = {**first, "a": then["a"]}
    (x, expected), (y, other) = both(one, there), both(two, there)
    try:
        along = Along([x, y, x + y], first, ["a"])
    except Indivisible:
        assume(False)
        raise AssertionError from None
    assert along.at(there) == [expected, other, expected + other]
