"""Long statements are broken as ruff's formatter breaks them: random ones, held against it."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from tfspec.program import breaking
from tfspec.program import expr as ex
from tfspec.program.layout import lines

MANY = 400


class Maker:
    """Expressions as the printer makes them: calls, tuples, indices and sums of names."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def name(self) -> ex.Expr:
        return ex.Name("n" * self.random.choice((1, 3, 9, 20, 35)))

    def some(self, depth: int, least: int = 1) -> tuple[ex.Expr, ...]:
        count = self.random.choice((1, 2, 3, 4, 8, 24))
        return tuple(self.item(depth) for _ in range(max(least, count)))

    def item(self, depth: int) -> ex.Expr:
        made = (self.name, self.name, self.name, lambda: self.nested(depth), self.sum)
        return self.random.choice(made)()

    def nested(self, depth: int) -> ex.Expr:
        if depth == 0:
            return self.name()
        return self.random.choice((self.call, self.tuple, self.index))(depth - 1)

    def call(self, depth: int) -> ex.Expr:
        given = self.random.sample(("dim", "dtype", "device"), self.random.randint(0, 3))
        keywords = tuple((key, self.item(depth)) for key in given)
        function = ex.Name(self.random.choice(("torch.cat", "f", "self.attention_of_text")))
        return ex.Call(function, self.some(depth), keywords)

    def tuple(self, depth: int) -> ex.Expr:
        return ex.Tuple(self.some(depth, least=2))

    def index(self, depth: int) -> ex.Expr:
        return ex.Index(
            ex.Name("table"), tuple(self.name() for _ in range(self.random.randint(1, 5)))
        )

    def sum(self) -> ex.Expr:
        """Of operators of several priorities: some operands need parentheses."""
        total = self.name()
        for _ in range(self.random.choice((1, 2, 5))):
            total = ex.Binary(self.random.choice(("+", "-", "*", "&", "//")), total, self.name())
        return total

    def choice(self) -> ex.Expr:
        return ex.Choice(self.name(), ex.Binary("is", self.name(), ex.NONE), self.name())

    def statement(self) -> list[str]:
        made = (
            lambda: self.nested(2),
            self.sum,
            self.choice,
            lambda: ex.Bare(self.some(1, least=2)),
        )
        expr = self.random.choice(made)()
        head = "return " if isinstance(expr, ex.Bare) else self.random.choice(("return ", "x = "))
        return lines(head, expr, ex.PLAIN, "", 4)


def file(seed: int, count: int) -> str:
    """A function for each statement."""
    maker = Maker(Random(seed))
    bodies = ("\n".join(f"    {line}" for line in maker.statement()) for _ in range(count))
    return "\n\n".join(f"def f{at}():\n{body}\n" for at, body in enumerate(bodies))


def reformatted(source: str) -> str:
    """What ruff's formatter would change."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
        input=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", range(4))
def test_random_statements_are_as_ruff_breaks_them(seed: int) -> None:
    assert reformatted(file(seed, MANY)) == ""


def test_twenty_four_results() -> None:
    names = tuple(ex.Name(f"output{at}") for at in range(24))
    assert lines("return ", ex.Bare(names[:2]), ex.PLAIN, "", 8) == ["return output0, output1"]
    every = [f"    output{at}," for at in range(24)]
    assert lines("return ", ex.Bare(names), ex.PLAIN, "", 8) == ["return (", *every, ")"]


@pytest.mark.parametrize("last", ["-1", "last_of_all_axes_that_there_are", "n" * 60])
@pytest.mark.parametrize("count", [2, 8, 9, 10, 12, 24])
def test_many_targets_are_as_ruff_breaks_them(count: int, last: str) -> None:
    head = ", ".join(f"output{at}" for at in range(count)) + " = "
    call = ex.Call(ex.Name("h.chunk"), (ex.Name(str(count)),), (("dim", ex.Name(last)),))
    body = "\n".join(f"        {line}" for line in lines(head, call, ex.PLAIN, "[B, T]", 8))
    assert reformatted(f"class A:\n    def f(self):\n{body}\n") == ""


def test_twelve_targets() -> None:
    names = [f"output{at}" for at in range(12)]
    made = lines(", ".join(names) + " = ", ex.Name("h.chunk(12)"), ex.PLAIN, "[B, T]", 8)
    assert made == ["(", *(f"    {name}," for name in names), ") = h.chunk(12)  # [B, T]"]


def test_that_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking, "_each", lambda items, names, indent: [
        f"{head}{expr.text(names)[0]}," for head, expr in items])  # fmt: skip
    assert reformatted(file(0, MANY)) != ""
