"""The fuzzer: random specs and mutations of them, each examined by the oracle.

Seeds are printed and fixed, so that a change is judged by its own mistakes alone; to explore, give
others: TFSPEC_FUZZ_SEED=n, and TFSPEC_FUZZ_CASES=n for how many cases the slow test has.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.broken import require
from tests.fuzz.mutate import garbled, mutated
from tests.fuzz.oracle import Seen, examine
from tests.fuzz.reduce import reduced
from tests.fuzz.specs import make, written
from tests.fuzz.tally import Tally

CASES = int(os.environ.get("TFSPEC_FUZZ_CASES", "12000"))
SHARDS = 8
RANDOM = st.randoms(use_true_random=False)
TALLY = Tally()


def valid(rng: Any) -> Seen:
    """A spec of the generator's is right, or says of a knob that it is not built yet."""
    tree = make(rng)
    text = written(tree, rng.choice([None, False, True]))
    seen = looked_at(text, tree, valid=True)
    TALLY.add(tree, seen.status == "ok" and seen.agreed)
    built = (
        seen.status in ("ok", "not yet")
        or {"TS901"} <= set(seen.codes) <= {"TS901", "TS254"}
        or seen.agreed
    )
    require(built, f"a valid spec is refused: {', '.join(seen.codes)}, in:\n{text}")
    return seen


def changed(rng: Any) -> Seen:
    """A mutation of a spec's tree."""
    tree = mutated(make(rng), rng)
    return looked_at(written(tree), tree, valid=False)


def looked_at(text: str, tree: dict[str, Any], *, valid: bool) -> Seen:
    """The oracle's answer; with an objection comes the smallest spec that still gets it."""
    try:
        return examine(text, tree=tree, valid=valid)
    except Exception as error:
        small = reduced(tree, lambda each: examine(written(each), tree=each, valid=valid))
        error.add_note(f"in:\n{text}\nand in:\n{written(small)}")
        raise


def broken_text(rng: Any) -> Seen:
    """A mutation of a spec's text."""
    text = garbled(written(make(rng), rng.choice([None, False, True])), rng)
    try:
        return examine(text)
    except Exception as error:
        error.add_note(f"in:\n{text}")
        raise


def fuzz(one: Callable[[Any], Seen], cases: int, at: int) -> Counter[str]:
    """Examine so many cases, and count how they went."""
    print(f"TFSPEC_FUZZ_SEED={at} for {cases} cases of {one.__name__}")
    counts: Counter[str] = Counter()

    @seed(at)
    @settings(
        max_examples=cases, deadline=None, database=None, print_blob=False,
        phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(RANDOM)
    def run(rng: Any) -> None:
        seen = one(rng)
        counts.update([seen.status, f"{seen.status} {'agreed' if seen.agreed else 'alone'}"])

    run()
    print(dict(counts))
    return counts


def seeded(one: Callable[[Any], Seen], cases: int, at: int) -> Counter[str]:
    """Examine so many cases, each of a seed that is told with what goes wrong.

    What hypothesis draws follows the constants of whatever code is imported, so that a run of it is
    another one after every change, and beside other tests: these cases stay the same.
    """
    print(f"TFSPEC_FUZZ_SEED={at} for {cases} cases of {one.__name__}")
    counts: Counter[str] = Counter()
    for case in range(cases):
        seed_of_case = f"{at} {one.__name__} {case}"
        try:
            seen = one(Random(seed_of_case))
        except Exception as error:
            error.add_note(f"the case is Random({seed_of_case!r})")
            raise
        counts.update([seen.status, f"{seen.status} {'agreed' if seen.agreed else 'alone'}"])
    print(dict(counts))
    return counts


def chosen(default: int) -> int:
    return int(os.environ.get("TFSPEC_FUZZ_SEED", default))


def test_valid_specs_run_as_predicted() -> None:
    counts = seeded(valid, 180, chosen(0))
    # the fuzzer is worth its time only while most of what it draws is built and compared
    assert counts["ok agreed"] > 0.8 * counts.total() / 2
    print(*TALLY.lines(), sep="\n")
    assert TALLY.idle(least=10) == []


def test_mutated_specs_are_refused_with_reason_or_run() -> None:
    counts = seeded(changed, 80, chosen(1))
    assert counts["ok"] > 0
    assert counts["error"] > 0


def test_broken_texts_are_refused() -> None:
    fuzz(broken_text, 40, chosen(2))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_many(shard: int) -> None:
    at = chosen(1000) + shard
    seeded(valid, CASES * 6 // (10 * SHARDS), at)
    print(*TALLY.lines(), sep="\n")
    seeded(changed, CASES * 3 // (10 * SHARDS), at)
    seeded(broken_text, CASES // (10 * SHARDS), at)
