"""The page: its sections, each made of what another pass says, put into the template."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from tfspec.diagnostics.escape import escape, shorten
from tfspec.passes.cost.text import growths, legend, remarks, taken
from tfspec.passes.draw.caption import sentences
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.theme import THEMES
from tfspec.passes.draw.words import Words
from tfspec.passes.emit.emit import emit
from tfspec.passes.report import marks, scales, tables
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.charts import charts, sentence
from tfspec.passes.report.details import KINDS
from tfspec.passes.report.figure import Page, whole
from tfspec.passes.time.text import facts
from tfspec.program.refusal import NotYet

if TYPE_CHECKING:
    from tfspec.passes.report.report import Report

FOLDER = Path(__file__).parent / "page"
LONGEST_NAME = 80


def page(report: Report) -> str:
    """The whole text of the file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    files = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return files.get_template("page.html").render(_content(report))


def _content(report: Report) -> dict[str, Any]:
    cost = report.cost
    amounts = Amounts(cost)
    return {
        "name": shorten(escape(cost.name), LONGEST_NAME),
        "about": shorten(escape(cost.graph.spec.about or ""), 300),
        "head": tables.head(cost),
        "facts": sentence("; ".join([*facts(cost), *taken(cost)])),
        "pieces": marks.sentence,
        "themes": THEMES,
        "kinds": KINDS,
        "charts": charts(amounts),
        "lines": scales.LINES,
        "bars": scales.BARS,
        "growth": [sentence(each) for each in growths(cost)],
        "rows": tables.cost_rows(cost),
        "quantities": tables.quantities(cost),
        "timed": cost.timing is not None,
        "legend": legend(cost),
        "remarks": remarks(cost, "module"),
        "flow": tables.flow(cost),
        "specs": _specs(report),
        "code": _code(report),
        **_figure(report, amounts),
    }


def _figure(report: Report, amounts: Amounts) -> dict[str, Any]:
    graph = report.cost.graph
    words = Words(graph, report.numbers)
    figure = whole(graph, words)
    drawn = Page(figure, amounts, words)
    data = {"texts": list(drawn.details.texts), "rows": _in_order(drawn.details.rows)}
    return {
        "columns": drawn.columns,
        "unkept": amounts.unkept,
        "caption": [", ".join(each) for each in sentences(Drawing(graph, figure, words, {}))],
        "data": _for_script(data),
    }


def _in_order(rows: dict[int, list[int]]) -> list[list[int]]:
    return [rows.get(at, []) for at in range(max(rows, default=-1) + 1)]


def _for_script(data: object) -> str:
    """JSON that cannot end the element around it, nor open a comment in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _specs(report: Report) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each file of the spec, by its name without its folder, in marked pieces."""
    return [
        (shorten(escape(PurePath(file).name), LONGEST_NAME), list(marks.yaml(text)))
        for file, text in report.sources.items()
    ]


def _code(report: Report) -> list[tuple[str, str]] | str:
    """The emitted file in marked pieces, or why there is none."""
    cost = report.cost
    try:
        text = emit(cost.graph, target=cost.target, style=cost.style)
    except NotYet as refusal:
        return sentence(str(refusal))
    return list(marks.python(text))
