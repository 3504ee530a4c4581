"""Sizes as text, in the four ways of writing."""

from __future__ import annotations

import pytest

from tfspec.symbolic import Dim, sym

H, L, T, W, d, g, h, k, p, w = (sym(name) for name in "HLTWdghkpw")


def over(num: Dim, den: Dim | int) -> Dim:
    return num.exact_div(den)


TEXTS = [
    (Dim.of(0), "0", "0", "0"),
    (Dim.of(-3), "−3", "-3", "-3"),
    (d, "d", "d", "d"),
    (4 * d, "4·d", "4*d", r"4 \cdot d"),
    (-d, "−d", "-d", "-d"),
    (over(d, h), "d/h", "d/h", r"\frac{d}{h}"),
    (-over(d, h), "−(d/h)", "-(d/h)", r"-\frac{d}{h}"),
    (3 * over(d, h) ** 2, "3·(d/h)²", "3*(d/h)**2", r"3 \cdot \left(\frac{d}{h}\right)^{2}"),
    (over(d, 2 * h), "d/(2·h)", "d/(2*h)", r"\frac{d}{2 \cdot h}"),
    (over(d * k, h), "d·k/h", "d*k/h", r"\frac{d \cdot k}{h}"),
    (over(d + k, h), "(d + k)/h", "(d + k)/h", r"\frac{d + k}{h}"),
    (T + 1, "T + 1", "T + 1", "T + 1"),
    (1 + H * W, "1 + H·W", "1 + H*W", r"1 + H \cdot W"),
    (
        1 + over(H, p) * over(W, p),
        "1 + (H/p)·(W/p)",
        "1 + (H/p)*(W/p)",
        r"1 + \frac{H}{p} \cdot \frac{W}{p}",
    ),
    (2 * T**2 - 1, "2·T² − 1", "2*T**2 - 1", r"2 \cdot T^{2} - 1"),
    (T**12 + T, "T¹² + T", "T**12 + T", "T^{12} + T"),
    (512 - T, "512 − T", "512 - T", "512 - T"),
    ((h + 2 * g) * k, "h·k + 2·g·k", "h*k + 2*g*k", r"h \cdot k + 2 \cdot g \cdot k"),
    (
        (L + 1).floor_div(2) - 1,
        "(L + 1)//2 − 1",
        "(L + 1)//2 - 1",
        r"\left\lfloor \frac{L + 1}{2} \right\rfloor - 1",
    ),
    (-T.floor_div(2), "−(T//2)", "-(T//2)", r"-\left\lfloor \frac{T}{2} \right\rfloor"),
    (d + 2 * T.mod(8), "d + 2·(T % 8)", "d + 2*(T % 8)", r"d + 2 \cdot \left(T \bmod 8\right)"),
    (2 * Dim.minimum(w, T), "2·min(T, w)", "2*min(T, w)", r"2 \cdot \min\left(T, w\right)"),
    (Dim.maximum(w, T) ** 2, "max(T, w)²", "max(T, w)**2", r"\max\left(T, w\right)^{2}"),
    (2 * sym("head_dim"), "2·head_dim", "2*head_dim", r"2 \cdot \mathit{head\_dim}"),
]


@pytest.mark.parametrize(
    ("size", "text", "ascii_text", "latex"), TEXTS, ids=[case[1] for case in TEXTS]
)
def test_text(size: Dim, text: str, ascii_text: str, latex: str) -> None:
    assert str(size) == text
    assert size.ascii() == ascii_text
    assert size.latex() == latex


def test_python_renames_and_divides_integers() -> None:
    size = 1 + over(H, p) * over(W, p)
    assert size.python({"p": "self.patch"}) == "1 + (H // self.patch) * (W // self.patch)"


def test_repr_and_format() -> None:
    assert repr(2 * T**2 - 1) == "Dim(2*T**2 - 1)"
    assert f"[{4 * d:>5}]" == "[  4·d]"
    assert f"{[d, 4 * d]}" == "[Dim(d), Dim(4*d)]"
