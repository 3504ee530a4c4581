"""Helpers of the emitted file that cut a grid of tokens into windows, and put it back."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.program import layout

_LETTERS = {1: "T", 2: "HW", 3: "THW"}

TO_WINDOWS = '''def to_windows(x, grid, window{option}):
    """Cut a grid into windows{after}: [{lead}N, d] → [{lead}windows, tokens, d]."""
    {sizes} = grid, window
{roll}    x = x.unflatten({at}, ({cut}))
    return x{order}
'''
FROM_WINDOWS = '''def from_windows(x, grid, window{option}):
    """Put windows back in their grid: [{lead}windows, tokens, d] → [{lead}N, d]."""
    {sizes} = grid, window
    x = x.unflatten({inner}, window).unflatten({at}, ({counts}))
    x = x{order}
{roll}    return x
'''
SHIFT_MASK = '''def shift_mask(grid, window, shift, device):
    """True for pairs that the roll did not bring together: [windows, 1, tokens, tokens]."""
    side = torch.zeros((), dtype=torch.int64, device=device)
    for size, step in zip(grid, shift, strict=True):
        side = 2 * side[..., None] + (torch.arange(size, device=device) < size - step)
    side = {cut}(side.reshape({ones}-1, 1), grid, window)[{zeros}:, :, 0]
    return side[:, None, :, None] == side[:, None, None, :]
'''
WINDOW_SHIFT = '''def window_shift(grid, window, shift):
    """How far each axis is rolled: not at all where one window covers it."""
    pairs = zip(grid, window, shift, strict=True)
    return tuple(s if n > w else 0 for n, w, s in pairs)
'''


def to_windows(axes: int, lead: int, *, shifts: bool) -> str:
    """The helper that cuts, for so many axes of the grid and batch axes before it."""
    outer = [lead + 2 * at for at in range(axes)]
    order = [*range(lead), *outer, *(at + 1 for at in outer), lead + 2 * axes]
    steps = _reordered(order)
    if axes > 1:
        steps += f".flatten({lead + axes}, {lead + 2 * axes - 1})"
        steps += f".flatten({lead}, {lead + axes - 1})"
    roll = _rolled(axes, lead, "[-step for step in shift]")
    return TO_WINDOWS.format(
        option=", shift=()" if shifts else "",
        after=", moved back by `shift`" if shifts else "",
        roll=roll if shifts else "",
        cut=", ".join(f"{n} // {n.lower()}, {n.lower()}" for n in _letters(axes)),
        order=steps,
        **_common(axes, lead),
    )


def from_windows(axes: int, lead: int, *, shifts: bool) -> str:
    """The helper that puts back what `to_windows` cut."""
    pairs = ((lead + at, lead + axes + at) for at in range(axes))
    order = [*range(lead), *(each for pair in pairs for each in pair), lead + 2 * axes]
    roll = _rolled(axes, lead, "shift")
    return FROM_WINDOWS.format(
        option=", shift=()" if shifts else "",
        roll=roll if shifts else "",
        inner=lead + 1,
        counts=_tuple([f"{n} // {n.lower()}" for n in _letters(axes)]),
        order=f"{_reordered(order)}.flatten({lead}, {lead + 2 * axes - 1})",
        **_common(axes, lead),
    )


def shift_mask(lead: int, cut: str) -> str:
    """The helper that tells which tokens of a window the roll brought together; `cut` is the name
    of that which cuts these windows."""
    return SHIFT_MASK.format(ones="1, " * lead, zeros="0, " * lead, cut=cut)


def _common(axes: int, lead: int) -> dict[str, object]:
    letters = _letters(axes)
    grid, window = _tuple(letters), _tuple([n.lower() for n in letters])
    return {"sizes": f"({grid}), ({window})", "at": lead, "lead": "B, " if lead == 1 else "..., "}


def _letters(axes: int) -> list[str]:
    return list(_LETTERS.get(axes) or (f"N{at + 1}" for at in range(axes)))


def _tuple(names: Sequence[str]) -> str:
    return f"{names[0]}," if len(names) == 1 else ", ".join(names)


def _reordered(order: Sequence[int]) -> str:
    """The method that puts axes in this order; swaps of two are a transpose."""
    moved = [at for at, axis in enumerate(order) if at != axis]
    if not moved:
        return ""
    if len(moved) == 2:
        return f".transpose({moved[0]}, {moved[1]})"
    return f".permute({', '.join(map(str, order))})"


def _rolled(axes: int, lead: int, by: str) -> str:
    """The lines that roll the grid of x."""
    along = _tuple([str(lead + at) for at in range(axes)])
    calls = [f".roll({by}, ({along}))"]
    if axes > 1:
        calls = [f".unflatten({lead}, grid)", *calls, f".flatten({lead}, {lead + axes - 1})"]
    inside = layout.chained("x = ", "x", calls, indent=8)
    return "".join(f"    {line}\n" for line in ("if any(shift):", *(f"    {n}" for n in inside)))
