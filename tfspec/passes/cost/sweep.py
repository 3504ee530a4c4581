"""Costs of a model over many sizes of one dim: its formulas at each of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfspec.diagnostics.escape import escape
from tfspec.diagnostics.machine import json_text
from tfspec.passes.cost.cost import Cost
from tfspec.passes.cost.names import CONVENTION
from tfspec.passes.cost.text import scaled
from tfspec.passes.shapes.latex import words
from tfspec.passes.text_table import Column, table

BAR = 24
FEW = 32


@dataclass(frozen=True)
class Sweep:
    """`points` has the sizes of a dim, each with the quantities by name at it; peaks only where
    there are few, for each is a run of its own."""

    cost: Cost
    dim: str
    points: tuple[tuple[int, dict[str, int]], ...]

    @property
    def names(self) -> list[str]:
        """Quantities by name; parameters only where they differ."""
        counts = {values["parameters"] for _, values in self.points}
        every = [each.name for each in self.cost.quantities]
        known = [name for name in every if all(name in values for _, values in self.points)]
        return [name for name in known if name != "parameters" or len(counts) > 1]

    def text(self) -> str:
        """A table with a chart of the FLOPs of the mode."""
        flops = [values["flops"] for _, values in self.points]
        most = max(flops) or 1
        columns = [Column(self.dim, 14, right=True)]
        columns += [Column(name, 24, right=True) for name in self.names]
        rows = [
            [f"{size:,}", *(self._short(values, name) for name in self.names),
             "█" * round(values["flops"] / most * BAR) or "▏"]
            for size, values in self.points
        ]  # fmt: skip
        head = f"{escape(self.cost.name)}, {self.cost.mode}, over {self.dim}"
        taken = ", ".join(f"{name} = {size}" for name, size in self.cost.chosen.items())
        head += f"; taken, since not set: {escape(taken)}" if taken else ""
        note = f"Convention: {CONVENTION}. Sizes for {self.cost.precision.about}."
        if len(self.points) > FEW:
            note += f"\nPeaks are left out: each takes a run, and there are more than {FEW} sizes."
        chart = Column("FLOPs", BAR)
        return "\n".join([head, "", *table([*columns, chart], rows), "", note])

    def _short(self, values: dict[str, int], name: str) -> str:
        unit = next(each.unit for each in self.cost.quantities if each.name == name)
        if unit == "parameters":
            return f"{values[name]:,}"
        return scaled(values[name], "B" if unit == "bytes" else "").rstrip()

    def csv(self) -> str:
        """The dim, then every quantity as a whole number: FLOPs, or bytes."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([self.dim, *self._columns()])
        for size, values in self.points:
            writer.writerow([size, *(values[name] for name in self.names)])
        return text.getvalue().rstrip("\n")

    def _columns(self) -> list[str]:
        units = {each.name: each.unit.lower() for each in self.cost.quantities}
        return [name if units[name] == name else f"{name}_{units[name]}" for name in self.names]

    def json(self) -> str:
        """An object: `name`, `mode`, `dtype`, `chosen`, `convention`, `dim` and `points`, each with
        `size` and `quantities`."""
        points = [{"size": size, "quantities": values} for size, values in self.points]
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
    few = len(sizes) <= FEW
    points = tuple((size, _quantities(cost, _at(cost, dim, size), few)) for size in sizes)
    return Sweep(cost, dim, points)


def among(costs: Sequence[Cost], dim: str, sizes: Sequence[int]) -> Sweep:
    """The costs of one model after another, which differ in the size of a dim."""
    points = [_quantities(cost, cost.values, len(sizes) <= FEW) for cost in costs]
    return Sweep(costs[0], dim, tuple(zip(sizes, points, strict=True)))


def _at(cost: Cost, dim: str, size: int) -> dict[str, int]:
    """Every symbol's value where the dim has this size; letters follow from it."""
    values = {**cost.values, dim: size}
    if cost.mode in ("prefill", "decode") and dim == str(cost.graph.token_axis.size):
        values[cost.graph.slots_name] = size  # the text so far, in a cache of its length
        values[dim] = cost.values[dim] if cost.mode == "decode" else size
    return values | {letter: whole.value(values) for letter, whole in cost.letters.items()}


def _quantities(cost: Cost, values: Mapping[str, int], few: bool) -> dict[str, int]:
    """Every quantity by name; those that take a run only where there are few points."""
    found = {each.name: each.formula.value(values) for each in cost.formulas}
    if few:
        found |= {each.name: each.value for each in replace(cost, values=values).by_run}
    return {**found, "flops": cost.flops.value(values)}
