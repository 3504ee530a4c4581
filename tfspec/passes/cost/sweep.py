"""Costs of a model over many sizes of one dim: its formulas at each of them."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat

from tfspec.diagnostics.escape import escape
from tfspec.diagnostics.machine import json_text
from tfspec.passes.cost.fit import at_size, changing, values_at
from tfspec.passes.cost.names import CONVENTION
from tfspec.passes.cost.report import Cost
from tfspec.passes.cost.text import scaled, taken
from tfspec.passes.shapes.latex import words
from tfspec.passes.text_table import COLUMNS, GAP, Column, table
from tfspec.passes.time.text import seconds
from tfspec.symbolic import Along

BAR = 24
LEAST = 6
"""Columns of a chart that tells something."""
FEW = 32
BESIDE = ("executed", "recomputed", "needed cache", "loss", "peak", "needed", "traffic", "backward")
"""What a page leaves out first where it has no room: every other format has it."""


@dataclass(frozen=True)
class Sweep:
    """`points` has the sizes of a dim, each with the quantities by name at it; peaks only where
    there are few, for each is a run of its own."""

    cost: Cost
    dim: str
    points: tuple[tuple[int, dict[str, int]], ...]
    seconds: tuple[float, ...] = ()
    """The time at each point, where a target is named."""

    @cached_property
    def names(self) -> list[str]:
        """Quantities by name; parameters only where they differ."""
        counts = {values["parameters"] for _, values in self.points}
        first, *others = (values for _, values in self.points)
        known = [name for name in first if all(name in values for values in others)]
        hidden = {"flops"} if len(counts) > 1 else {"flops", "parameters"}
        return [name for name in known if name not in hidden]

    @cached_property
    def _units(self) -> dict[str, str]:
        """Those of all names: what has no formula is bytes."""
        units = {each.name: each.unit for each in self.cost.formulas}
        return {name: units.get(name, "bytes") for name in self.names}

    def text(self) -> str:
        """A table with a chart of the FLOPs of the mode, and notes in the place of what is the same
        at all sizes."""
        shown = self._shown
        columns = [Column(self.dim, 14, right=True)]
        columns += [Column(name, 24, right=True) for name in shown]
        columns += [Column("time", 12, right=True)] if self.seconds else []
        bar = min(BAR, self._room(shown))
        rows = [[*cells, self._bar(at, bar)] for at, cells in enumerate(self._rows(shown))]
        head = f"{escape(self.cost.name)}, {self.cost.mode}, over {self.dim}"
        head = "; ".join([head, *taken(self.cost)])
        lines = table([*columns, Column("FLOPs", bar)], rows)
        notes = (part for note in self._notes() for part in textwrap.wrap(note, COLUMNS))
        return "\n".join([*textwrap.wrap(head, COLUMNS), "", *lines, "", *notes])

    def _rows(self, names: Sequence[str]) -> list[list[str]]:
        return [
            [f"{size:,}", *(self._short(values, name) for name in names), *map(seconds, time)]
            for (size, values), time in self._timed()
        ]

    def _bar(self, at: int, width: int) -> str:
        most = max(values["flops"] for _, values in self.points) or 1
        return "█" * round(self.points[at][1]["flops"] / most * width) or "▏"

    @cached_property
    def _shown(self) -> list[str]:
        """Quantities that differ and have room beside a chart: of too many, those matter least
        that others tell of."""
        names = [name for name in self.names if name not in self._same]
        for least in BESIDE:
            if self._room(names) < LEAST:
                names = [name for name in names if name != least]
        return names

    def _room(self, names: Sequence[str]) -> int:
        """Columns that a table of these leaves to the chart."""
        titles = [self.dim, *names, *(["time"] if self.seconds else [])]
        widths = (max(map(len, cells)) for cells in zip(titles, *self._rows(names), strict=True))
        return COLUMNS - sum(width + len(GAP) for width in widths)

    @cached_property
    def _same(self) -> set[str]:
        """Quantities that are one number at all of several sizes."""
        (_, first), *others = self.points
        same = (name for name in self.names if all(v[name] == first[name] for _, v in others))
        return set(same) if others else set()

    def _notes(self) -> Iterator[str]:
        same = [name for name in self.names if name in self._same]
        if same:
            said = (f"{name} {self._short(self.points[0][1], name)}" for name in same)
            yield f"At all sizes: {', '.join(said)}."
        left = [name for name in self.names if name not in {*self._same, *self._shown}]
        if left:
            yield f"No room here for {', '.join(left)}: `--format csv` has all."
        if self.cost.timing is not None:
            about = escape(self.cost.timing.how.target.about)
            yield f"Times on {about}: {self.cost.timing.kind}."
        if len(self.points) > FEW and self.cost.mode in ("forward", "train"):
            yield f"Peaks are left out: each takes a run, and there are more than {FEW} sizes."
        yield f"Convention: {CONVENTION}. Sizes for {self.cost.precision.about}."

    def _short(self, values: dict[str, int], name: str) -> str:
        unit = self._units[name]
        if unit == "parameters":
            return f"{values[name]:,}"
        return scaled(values[name], "B" if unit == "bytes" else "").rstrip()

    def csv(self) -> str:
        """The dim, then every quantity as a whole number: FLOPs, or bytes."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([self.dim, *self._columns(), *(["time_seconds"] if self.seconds else [])])
        for (size, values), time in self._timed():
            writer.writerow([size, *(values[name] for name in self.names), *time])
        return text.getvalue().rstrip("\n")

    def _columns(self) -> list[str]:
        units = ((name, unit.lower()) for name, unit in self._units.items())
        return [name if unit == name else f"{name}_{unit}" for name, unit in units]

    def json(self) -> str:
        """An object: `name`, `mode`, `dtype`, `chosen`, `convention`, `dim` and `points`, each with
        `size`, `quantities` and, on a target, `time_seconds`."""
        points = [
            {"size": size, "quantities": values} | ({"time_seconds": time[0]} if time else {})
            for (size, values), time in self._timed()
        ]
        found = {
            "name": self.cost.name,
            "mode": self.cost.mode,
            "dtype": self.cost.precision.name,
            "chosen": dict(self.cost.chosen),
            "convention": CONVENTION,
            "dim": self.dim,
            "points": points,
        }
        return json_text(found)

    def _timed(self) -> Iterator[tuple[tuple[int, dict[str, int]], tuple[float, ...]]]:
        """Each point, with its time if a target is named."""
        times = ((time,) for time in self.seconds) if self.seconds else repeat(())
        return zip(self.points, times, strict=False)

    def latex(self) -> str:
        """A tabular of the same columns as the CSV's."""
        lines = [" & ".join([words(self.dim), *map(words, self.names)]) + r" \\", r"\hline"]
        for size, values in self.points:
            cells = [f"{size:,}", *(self._short(values, name) for name in self.names)]
            lines.append(" & ".join(cells) + r" \\")
        body = "\n".join(f"  {line}" for line in lines)
        return f"\\begin{{tabular}}{{{'r' * (1 + len(self.names))}}}\n{body}\n\\end{{tabular}}"


def sweep(cost: Cost, dim: str, sizes: Sequence[int]) -> Sweep:
    """The costs at each size of a dim that varies; the graph is not built anew."""
    if len(sizes) <= FEW:
        return among([at_size(cost, dim, size) for size in sizes], dim, sizes)
    at, free = [values_at(cost, dim, size) for size in sizes], changing(cost, dim)
    formulas = _Formulas(cost, free)
    points = zip(sizes, map(formulas.at, at), strict=True)
    time = cost.timing and cost.timing.along(cost.values, free)
    return Sweep(cost, dim, tuple(points), tuple(map(time, at)) if time else ())


class _Formulas:
    """Every quantity that has a formula, at many values of the symbols `free`. Of what training
    keeps there is one formula for each memory that holds somewhere, and so of all."""

    def __init__(self, cost: Cost, free: set[str]) -> None:
        self.cost, self.free = cost, free
        self.known: dict[int, tuple[list[str], Along]] = {}

    def at(self, values: dict[str, int]) -> dict[str, int]:
        there = replace(self.cost, values=values)
        kept = there.saves and there.saves.at(there.sizes_of_dims)
        if id(kept) not in self.known:
            found = {**{each.name: each.formula for each in there.formulas}, "flops": there.flops}
            self.known[id(kept)] = list(found), Along(list(found.values()), values, self.free)
        names, along = self.known[id(kept)]
        return dict(zip(names, along.at(values), strict=True))


def among(costs: Sequence[Cost], dim: str, sizes: Sequence[int]) -> Sweep:
    """The costs of one model after another, which differ in the size of a dim."""
    points = [_quantities(cost, len(sizes) <= FEW) for cost in costs]
    seconds = tuple(cost.time.typical for cost in costs if cost.time is not None)
    return Sweep(costs[0], dim, tuple(zip(sizes, points, strict=True)), seconds)


def _quantities(cost: Cost, few: bool) -> dict[str, int]:
    """Every quantity by name; those that take a run only where there are few points."""
    found = {each.name: each.value for each in (cost.quantities if few else cost.formulas)}
    return {**found, "flops": cost.number(cost.flops)}
