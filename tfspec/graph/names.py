"""Short names for long sizes: N for the tokens of an image, k for the width of a head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tfspec.symbolic import Dim
from tfspec.symbolic.atoms import Symbol

TOKENS = ("N", "M", "P", "Q", "N2", "N3", "N4", "N5", "N6")
WINDOWS = ("n", "n2", "n3", "n4", "n5", "n6")
HEAD = ("k", "w", "head_dim", "k2", "k3", "k4")


def written(shapes: Iterable[Sequence[Dim]], size: Callable[[Dim], str]) -> str:
    """The shape of a value, [B, N, d], or of each of its parts: [B, T, d] + [B, R, e]."""
    return " + ".join(f"[{', '.join(map(size, shape))}]" for shape in shapes)


class SizeNames:
    """Abbreviations in order of appearance; a size keeps the first name that it got."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)
        self.letters: dict[str, Dim] = {}
        self.by_size: dict[Dim, str] = {}

    def give(self, size: Dim, wanted: Iterable[str]) -> None:
        """Name a size that is neither a number nor symbols alone, unless it has a name."""
        if size in self.by_size or size.constant is not None or _of_symbols(size):
            return
        letter = next((name for name in wanted if name not in self.taken), None)
        if letter is not None:
            self.taken.add(letter)
            self.letters[letter] = size
            self.by_size[size] = letter

    def prefer(self, sizes: Iterable[Dim]) -> None:
        """Give these sizes, which have names already, the first letters: N for the trunk."""
        named = [size for size in dict.fromkeys(sizes) if self.by_size.get(size) in TOKENS]
        rest = [size for letter, size in self.letters.items() if letter in TOKENS]
        letters = [letter for letter in self.letters if letter in TOKENS]
        order = [*named, *(size for size in rest if size not in named)]
        self.letters.update(zip(letters, order, strict=True))
        self.by_size = {size: letter for letter, size in self.letters.items()}

    def show(self, size: Dim) -> str:
        return self.by_size.get(size) or str(size)


def _of_symbols(size: Dim) -> bool:
    """Whether the size is a symbol, or a product of different ones: H·W is short enough."""
    ((powers, number), *others) = size.terms.items()
    plain = (isinstance(atom, Symbol) and exponent == 1 for atom, exponent in powers)
    return number == 1 and not others and all(plain)
