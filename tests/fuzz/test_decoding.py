"""The fuzzer of decoding: random texts, each cut in several ways, against the forward.

Seeds are printed and fixed; to explore, give others: TFSPEC_FUZZ_SEED=n, and TFSPEC_FUZZ_DECODED=n
for how many cases the slow test has.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from random import Random

import pytest

from tests.fuzz import decoding
from tests.fuzz.broken import Broken
from tests.fuzz.decoders import make
from tests.fuzz.decoding import ONE_STYLE, decoded
from tests.fuzz.oracle import Seen
from tests.fuzz.reduce import reduced
from tests.fuzz.specs import written
from tests.fuzz.tally import Tally, used
from tests.fuzz.test_fuzz import chosen, seeded
from tfspec.graph.graph import Graph
from tfspec.program.program import Program
from tfspec.program.refusal import NotYet

QUICK = 32
CASES = int(os.environ.get("TFSPEC_FUZZ_DECODED", "300"))
RUN, WRONG = 0.7, 0.1
"""So many cases at least are to run, for what is refused tells nothing; and so many at most may be
no spec, as a mask that hides every key."""
LANGUAGE = ("mask within", "to", "latent", "rope", "rel_bias buckets", "alibi", "share", "extends",
            "zip", "concat", "prepend", "learn", "modulate", "par", "pool", "experts", "freeze")  # fmt: skip
GRID = """\
tfspec: 1
name: toy
dims: {B: batch, Y: 2, X: 3}
inputs: {image: ids(5) B Y X}
streams: {grid: [image, {embed: 4}, {attend: {heads: 2, mask: causal}}]}
outputs: {y: grid}
"""
REFUSED = Counter[str]()
TALLY = Tally()


def decodable(rng: Random) -> Seen:
    """A spec of this generator's decodes as it runs, or is refused."""
    tree = make(rng)
    text = written(tree)
    try:
        seen = decoded(text, tree=tree)
    except Exception as error:
        small = reduced(tree, lambda each: decoded(written(each), tree=each))
        error.add_note(f"in:\n{text}\nand in:\n{written(small)}")
        raise
    REFUSED.update({f"{seen.status}: {why}" for why in seen.codes})
    TALLY.add(tree, seen.agreed)
    return seen


def run(cases: int, at: int) -> None:
    counts = seeded(decodable, cases, at)
    print(*(f"{count} {why}" for why, count in REFUSED.most_common()), sep="\n")
    assert counts["ok agreed"] > RUN * cases
    assert counts["error"] < WRONG * cases


def test_a_text_decodes_as_it_runs() -> None:
    run(QUICK, chosen(3))


@pytest.mark.slow
def test_many_texts_decode_as_they_run() -> None:
    run(CASES, chosen(4000))
    print(*TALLY.lines(), sep="\n")
    assert TALLY.idle(least=10) == []


@pytest.mark.parametrize("word", LANGUAGE)
def test_the_language_is_drawn(word: str) -> None:
    assert word in drawn()


@cache
def drawn() -> frozenset[str]:
    """The knobs that are counted, and words, of some cases."""
    trees = [make(Random(at)) for at in range(60)]
    words = {word for word in LANGUAGE if any(f"{word}:" in written(tree) for tree in trees)}
    return frozenset(words.union(*map(used, trees)))


def test_only_a_text_on_a_grid_is_refused_in_one_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other refusal of one style is told, whatever it says."""
    message = next(iter(ONE_STYLE))
    made = decoding.program_of

    def refusing(graph: Graph, *, style: str, parts: tuple[str, ...]) -> Program:
        if style == "fast":
            raise NotYet.of(message, None, "")
        return made(graph, style=style, parts=parts)

    monkeypatch.setattr(decoding, "program_of", refusing)
    assert decoded(GRID).runs == 1
    with pytest.raises(Broken, match=f"fast alone refuses: {message}"):
        decoded(GRID.replace("B Y X", "B X"))
