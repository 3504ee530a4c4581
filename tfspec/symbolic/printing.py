"""Sizes as text: for people, as spec language, as Python, as LaTeX.

The order of a sum: the highest degree first; within a degree what is added before what is taken
away, bare products before numbered ones (`h·k + 2·g·k`), then by name. The constant stands last
(`T + 1`, `2·T² − 1`) except that a positive one stands first where everything else is a product of
different sizes (`1 + (H/p)·(W/p)`). A sum never opens with a minus if it has a plus (`512 − T`).
In a product the number comes first, then names, then quotients and the rest in parentheses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfspec.symbolic.atoms import Atom, Division, Floor, Min, Mod, Quotient, Symbol
from tfspec.symbolic.terms import Monomial, degree

if TYPE_CHECKING:
    from tfspec.symbolic.dim import Dim

# How tightly a piece of text holds together: what may stand inside what without parentheses.
SUM, PRODUCT, FACTOR, WHOLE = range(4)


@dataclass(frozen=True)
class Style:
    """One way to write: the signs between operands, and how names and divisions look."""

    times: str
    minus: str
    opening: str
    closing: str
    name: Callable[[str], str]
    power: Callable[[str, int], str]
    divide: Callable[[Style, Division], tuple[str, int]]
    extreme: Callable[[str, list[str]], str]


def write(size: Dim, style: Style) -> str:
    """The size in this style."""
    return _sum(size, style)[0]


def _sum(size: Dim, style: Style) -> tuple[str, int]:
    terms = _ordered(size)
    if not terms:
        return "0", WHOLE
    mono, coefficient = terms[0]
    text, level = _product(abs(coefficient), mono, style)
    if coefficient < 0:
        # A minus binds tighter than a floor: -a//b is (-a)//b.
        alone = coefficient == -1 and len(mono) == 1
        text = style.minus + (_wrap((text, level), FACTOR, style) if alone else text)
        level = SUM
    for mono, coefficient in terms[1:]:
        sign = style.minus if coefficient < 0 else "+"
        text += f" {sign} {_product(abs(coefficient), mono, style)[0]}"
    return text, level if len(terms) == 1 else SUM


def _ordered(size: Dim) -> list[tuple[Monomial, int]]:
    terms = sorted(size.terms.items(), key=_place)
    first = 0
    if terms and not terms[-1][0] and terms[-1][1] > 0:
        products = all(len(mono) > 1 for mono, _ in terms[:-1])
        first = len(terms) - 1 if products else 0
    if terms and terms[first][1] < 0:
        first = next((at for at, (_, c) in enumerate(terms) if c > 0), 0)
    return [terms[first], *terms[:first], *terms[first + 1 :]] if terms else []


def _place(term: tuple[Monomial, int]) -> tuple[object, ...]:
    mono, coefficient = term
    names = [(atom.rank, -exponent) for atom, exponent in mono]
    return -degree(mono), coefficient < 0, abs(coefficient) != 1, names


def _product(coefficient: int, mono: Monomial, style: Style) -> tuple[str, int]:
    """A product without its sign."""
    if coefficient == 1 and len(mono) == 1:
        return _power(*mono[0], style)
    factors = [_wrap(_power(atom, exponent, style), FACTOR, style) for atom, exponent in mono]
    if coefficient != 1 or not mono:
        factors.insert(0, str(coefficient))
    return style.times.join(factors), PRODUCT if mono else WHOLE


def _power(atom: Atom, exponent: int, style: Style) -> tuple[str, int]:
    if exponent == 1:
        return _atom(atom, style)
    return style.power(_wrap(_atom(atom, style), WHOLE, style), exponent), FACTOR


def _atom(atom: Atom, style: Style) -> tuple[str, int]:
    if isinstance(atom, Symbol):
        return style.name(atom.name), WHOLE
    if isinstance(atom, Division):
        return style.divide(style, atom)
    word = "min" if isinstance(atom, Min) else "max"
    return style.extreme(word, [write(part, style) for part in atom.parts]), WHOLE


def _wrap(piece: tuple[str, int], level: int, style: Style) -> str:
    text, held = piece
    return text if held >= level else f"{style.opening}{text}{style.closing}"


def _operands(style: Style, atom: Division) -> tuple[str, str]:
    """Operands of a sign that binds like a product and reads from the left."""
    return (
        _wrap(_sum(atom.num, style), PRODUCT, style),
        _wrap(_sum(atom.den, style), FACTOR, style),
    )


def _divider(quotient: str, floor: str = "//") -> Callable[[Style, Division], tuple[str, int]]:
    signs: dict[type[Atom], str] = {Quotient: quotient, Floor: floor, Mod: " % "}

    def divide(style: Style, atom: Division) -> tuple[str, int]:
        num, den = _operands(style, atom)
        return f"{num}{signs[type(atom)]}{den}", PRODUCT

    return divide


def _call(word: str, parts: list[str]) -> str:
    return f"{word}({', '.join(parts)})"


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _superscript(base: str, exponent: int) -> str:
    return base + str(exponent).translate(_SUPERSCRIPTS)


def _stars(base: str, exponent: int) -> str:
    return f"{base}**{exponent}"


TEXT = Style("·", "−", "(", ")", str, _superscript, _divider("/"), _call)
ASCII = Style("*", "-", "(", ")", str, _stars, _divider("/"), _call)


def python(names: Mapping[str, str]) -> Style:
    """Python over integers, with symbols renamed, spaced as formatters space it."""

    def name(symbol: str) -> str:
        return names.get(symbol, symbol)

    def power(base: str, exponent: int) -> str:
        return f"{base}**{exponent}" if base.isidentifier() else f"{base} ** {exponent}"

    return Style(" * ", "-", "(", ")", name, power, _divider(" // ", " // "), _call)


def _latex_name(name: str) -> str:
    escaped = name.replace("_", r"\_")
    return name if len(name) == 1 else rf"\mathit{{{escaped}}}"


def _latex_divide(style: Style, atom: Division) -> tuple[str, int]:
    if isinstance(atom, Mod):
        num, den = _operands(style, atom)
        return rf"{num} \bmod {den}", PRODUCT
    fraction = rf"\frac{{{write(atom.num, style)}}}{{{write(atom.den, style)}}}"
    if isinstance(atom, Floor):
        return rf"\left\lfloor {fraction} \right\rfloor", WHOLE
    return fraction, FACTOR


def _latex_extreme(word: str, parts: list[str]) -> str:
    return rf"\{word}\left({', '.join(parts)}\right)"


LATEX = Style(
    times=r" \cdot ",
    minus="-",
    opening=r"\left(",
    closing=r"\right)",
    name=_latex_name,
    power=lambda base, exponent: f"{base}^{{{exponent}}}",
    divide=_latex_divide,
    extreme=_latex_extreme,
)
