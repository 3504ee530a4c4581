"""The rules of exact quotients, floors and remainders: when they cancel, split, and stay.

Every rule keeps each atom an integer: a quotient is only ever replaced by one that is whole
whenever the first one was, so that a size in normal form is evaluated and emitted in integers.
"""

from __future__ import annotations

from math import gcd

from tfspec.symbolic import dim as dims
from tfspec.symbolic import terms as ring
from tfspec.symbolic.atoms import Atom, Floor, Mod, Quotient
from tfspec.symbolic.dim import Dim
from tfspec.symbolic.errors import MAX_PRODUCTS, Indivisible, TooComplex
from tfspec.symbolic.terms import ONE, Monomial, Terms

# Products in which quotients stand


def multiply(left: Dim, right: Dim) -> Dim:
    """left · right, where factors may cancel against the denominators of quotients."""
    if len(left.terms) * len(right.terms) > MAX_PRODUCTS:
        raise TooComplex("the size has too many terms when written out")
    total = dims.ZERO
    for mono, c in left.terms.items():
        for other, k in right.terms.items():
            total = total + _cancel(c * k, ring.times(mono, other))
    return regroup(total)


def _cancel(coefficient: int, mono: Monomial) -> Dim:
    for quotient, _ in mono:
        if isinstance(quotient, Quotient):
            rest = ring.over(mono, ((quotient, 1),)) or ONE
            found = _against_factors(quotient, coefficient, rest)
            found = found or _against_quotients(quotient, coefficient, rest)
            if found is not None:
                return found
    return Dim({mono: coefficient})


def _against_factors(quotient: Quotient, coefficient: int, rest: Monomial) -> Dim | None:
    """h·(d/h) = d: if g·m divides n then so does m, and g·(n / (g·m)) = n / m."""
    den = quotient.den.terms
    number = gcd(coefficient, ring.content(den))
    shared = ring.common(rest, ring.common_monomial(den))
    if number == 1 and not shared:
        return None
    smaller = quotient.num.exact_div(Dim(ring.shrink(den, number, shared)))
    return Dim(ring.shrink({rest: coefficient}, number, shared)) * smaller


def _against_quotients(quotient: Quotient, coefficient: int, rest: Monomial) -> Dim | None:
    """(h/g)·(d/h) = d/g: a product of integers is one, whichever way it is written."""
    den = quotient.den
    shared = ring.common_monomial(den.terms)
    for other, _ in rest:
        if not isinstance(other, Quotient):
            continue
        if other.num == den or ring.common(ring.common_monomial(other.num.terms), shared):
            merged = (quotient.num * other.num).exact_div(den * other.den)
            left = ring.over(rest, ((other, 1),)) or ONE
            return Dim({left: coefficient}) * merged
    return None


def regroup(size: Dim) -> Dim:
    """a·(x/(a + b)) + b·(x/(a + b)) = x: a sum as denominator cancels against several terms."""
    if size.plain:
        return size
    for atom in size.atoms:
        if isinstance(atom, Quotient) and len(atom.den.terms) > 1:
            factors, others = _collect(size, atom)
            whole = ring.divide(factors, atom.den.terms)
            if whole is not None:
                return Dim(others) + Dim(whole) * atom.num
    return size


def _collect(size: Dim, atom: Atom) -> tuple[Terms, Terms]:
    """The factors of `atom` in the terms that have it, and the terms that do not."""
    factors: Terms = {}
    others: Terms = {}
    for mono, coefficient in size.terms.items():
        rest = ring.over(mono, ((atom, 1),))
        if rest is None:
            others[mono] = coefficient
        else:
            factors[rest] = coefficient
    return factors, others


# Exact quotients


def exact(num: Dim, den: Dim) -> Dim:
    """num / den, of which it is asserted that it is whole."""
    known = _known(num, den)
    if known is not None:
        whole, rest = divmod(*known)
        if rest:
            raise Indivisible(num, den, known)
        return Dim.of(whole)
    if not den.plain and len(den.terms) == 1:
        over, under = _fraction(den)
        return (num * under).exact_div(over)
    whole, rest = split(num, den)
    if not rest.terms:
        return whole
    # (4·T + 6)/4 is never whole, which is for a check to find, and not for the normal form.
    if whole.terms and (rest.constant is None or den.constant is None):
        return whole + rest.exact_div(den)
    return _flattened(num, den) or _reduced(num, den)


def _known(num: Dim, den: Dim) -> tuple[int, int] | None:
    """The two integers, when both are; zero over anything is zero over one."""
    if den.constant == 0:
        raise Indivisible(num, den, (num.constant or 0, 0))
    if num.constant == 0:
        return 0, 1
    if num.constant is None or den.constant is None:
        return None
    return num.constant, den.constant


def split(num: Dim, den: Dim) -> tuple[Dim, Dim]:
    """num / den of the terms that `den` divides as they stand, and the other terms of `num`.

    Sound for exact quotients, floors and remainders alike: the first part is a whole number.
    """
    if len(den.terms) != 1:
        divided = ring.divide(num.terms, den.terms)
        return (dims.ZERO, num) if divided is None else (Dim(divided) * dims.UNIT, dims.ZERO)
    ((divisor, k),) = den.terms.items()
    whole: Terms = {}
    rest: Terms = {}
    for mono, c in num.terms.items():
        left = ring.over(mono, divisor) if c % k == 0 else None
        if left is None:
            rest[mono] = c
        else:
            whole[left] = c // k
    return (Dim(whole), Dim(rest)) if whole else (dims.ZERO, num)


def _fraction(size: Dim) -> tuple[Dim, Dim]:
    """The product of the numerators and of the denominators of a single term."""
    ((mono, coefficient),) = size.terms.items()
    num, den = Dim.of(coefficient), dims.UNIT
    for atom, exponent in mono:
        if isinstance(atom, Quotient):
            num, den = num * atom.num**exponent, den * atom.den**exponent
        else:
            num = num * Dim({((atom, exponent),): 1})
    return num, den


def _flattened(num: Dim, den: Dim) -> Dim | None:
    """(d/h)/2 = d/(2·h): both say that 2·h divides d."""
    if num.plain or len(num.terms) != 1:
        return None
    over, under = _fraction(num)
    shared = ring.common(ring.common_monomial(over.terms), ring.common_monomial(den.terms))
    alone = len(next(iter(num.terms))) == 1
    return over.exact_div(under * den) if alone or shared else None


def _reduced(num: Dim, den: Dim) -> Dim:
    """num / den without common factors, as an atom."""
    num, den = lowest(num, den)
    if den == dims.UNIT:
        return num
    front = 1
    if den.constant is not None:
        # What is coprime to the denominator may stand outside: 4 | 3·d just when 4 | d.
        front = ring.content(num.terms)
        num = Dim(ring.shrink(num.terms, front, ONE))
    return Dim({((Quotient(num, den), 1),): front})


def lowest(num: Dim, den: Dim) -> tuple[Dim, Dim]:
    """Both without the factors that all their terms share; the denominator leads with a plus."""
    number = gcd(ring.content(num.terms), ring.content(den.terms))
    shared = ring.common(ring.common_monomial(num.terms), ring.common_monomial(den.terms))
    if ring.leading(den.terms) < 0:
        number = -number
    if number == 1 and not shared:
        return num, den
    return Dim(ring.shrink(num.terms, number, shared)), Dim(ring.shrink(den.terms, number, shared))


# Floors and remainders


def floor(num: Dim, den: Dim) -> Dim:
    """num // den, rounded down."""
    known = _known(num, den)
    if known is not None:
        return Dim.of(known[0] // known[1])
    if not den.plain and len(den.terms) == 1:
        over, under = _fraction(den)
        return (num * under).floor_div(over)
    whole, rest = split(num, den)
    if not rest.terms:
        return whole
    rest, den = lowest(rest, den)
    if den.constant is not None:
        return whole + _floor_by_number(rest, den.constant)
    return whole + Dim({((Floor(rest, den), 1),): 1})


def _floor_by_number(num: Dim, den: int) -> Dim:
    """(g·a + c) // (g·m) = (a + c//g) // m, and whole multiples of m in the constant come out."""
    constant = num.terms.get(ONE, 0)
    variable = {mono: c for mono, c in num.terms.items() if mono}
    shared = gcd(den, ring.content(variable))
    body, den = Dim(ring.shrink(variable, shared, ONE)), den // shared
    whole, constant = divmod(constant // shared, den)
    if den == 1:
        return body + whole
    inner = _nested(body)
    if inner is not None:
        # Rounding down twice is rounding down once: ((x // k) + c) // m = (x + c·k) // (k·m).
        return whole + (inner.num + inner.den * constant).floor_div(inner.den * den)
    return whole + Dim({((Floor(body + constant, Dim.of(den)), 1),): 1})


def _nested(body: Dim) -> Floor | None:
    """The floor by a positive number that `body` is, if it is one."""
    if len(body.terms) != 1 or len(body.atoms) != 1 or ring.degree(next(iter(body.terms))) != 1:
        return None
    atom = body.atoms[0]
    if not isinstance(atom, Floor) or body != Dim({((atom, 1),): 1}):
        return None
    return atom if (atom.den.constant or 0) > 0 else None


def mod(num: Dim, den: Dim) -> Dim:
    """num % den, with the sign of `den`."""
    known = _known(num, den)
    if known is not None:
        return Dim.of(known[0] % known[1])
    if not den.plain and num == den * num.floor_div(den):
        return dims.ZERO
    _, rest = split(num, den)
    if den.constant is not None:
        return _mod_by_number(rest, den.constant)
    if not rest.terms:
        return dims.ZERO
    small, by = lowest(rest, den)
    # (g·a) % (g·m) = g·(a % m)
    return den.exact_div(by) * Dim({((Mod(small, by), 1),): 1})


def _mod_by_number(num: Dim, den: int) -> Dim:
    if den < 0:
        return -(-num).mod(-den)
    residues = {mono: c % den for mono, c in num.terms.items() if c % den}
    if not residues or den == 1:
        return dims.ZERO
    shared = gcd(den, ring.content(residues))
    small = Dim(ring.shrink(residues, shared, ONE))
    if small.constant is not None:
        return Dim.of(shared * small.constant)
    return Dim({((Mod(small, Dim.of(den // shared)), 1),): shared})
