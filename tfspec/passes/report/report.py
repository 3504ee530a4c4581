"""The pass `report`: a model's page, as an object that shows itself and that `save` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path, PurePath

from tfspec.diagnostics.escape import quoted
from tfspec.graph.graph import Graph
from tfspec.passes.cost.cost import cost as cost_pass
from tfspec.passes.cost.report import Cost, CostMode
from tfspec.passes.time.timing import How

FORMATS = ("html",)
"""What a report can be written as, by the ending of the file."""


@dataclass(frozen=True, repr=False)
class Report:
    """A page about a model that needs no network and no other file. In a notebook it shows itself.

    `sources` has the text of the spec, and of what it extends, by file; `numbers`: sizes in the
    figure are numbers where they are known, else symbols.
    """

    cost: Cost
    sources: Mapping[str, str]
    numbers: bool = False

    @cached_property
    def _page(self) -> str:
        from tfspec.passes.report.page import page

        return page(self)

    def html(self) -> str:
        """The page: the same bytes for the same spec, wherever it is made."""
        return self._page

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page. Raises ValueError for a file that does not end in .html."""
        if PurePath(path).suffix.lower() != ".html":
            raise ValueError(f"a report is an .html file, and {quoted(str(path), 200)} is none")
        Path(path).write_bytes(self.html().encode())

    def __repr__(self) -> str:
        cost = self.cost
        params = f"{cost.number(cost.graph.params):,} parameters"
        return f"<Report {cost.name!r}, {cost.mode}: {params}>"

    def _repr_html_(self) -> str:
        from html import escape

        style = "width: 100%; height: 40rem; border: 1px solid #8c8c8c"
        return f'<iframe srcdoc="{escape(self.html())}" style="{style}"></iframe>'


def report(
    graph: Graph,
    sources: Mapping[str, str],
    mode: CostMode = "forward",
    dtype: str = "fp32",
    *,
    how: How | None = None,
    numbers: bool = False,
) -> Report:
    """The report of a checked graph. Raises NotYet as `cost` does: for a mode that this model has
    not, a dim without a value, a target without rates."""
    return Report(cost_pass(graph, mode, dtype, how=how), sources, numbers)
