"""Pages of reports as tests read them: elements with their attributes and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser

from tests.draw.figures import loaded
from tfspec.passes.cost.report import CostMode

VOID = {"meta", "link", "input", "br"}
CELLS, PAIRS = ("td", "th"), ("dt", "dd")
ENDS = {
    **dict.fromkeys(CELLS, CELLS), **dict.fromkeys(PAIRS, PAIRS), "tr": (*CELLS, "tr"),
    "tbody": (*CELLS, "tr", "thead"), "li": ("li",),
}  # fmt: skip
"""What an element ends, of those whose end may be left out."""
OPTIONAL = {*ENDS, "thead"}


@dataclass
class Element:
    """An element: its name, its attributes, its text with that of all below."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[Element, ...]
    texts: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def within(self, tag: str, css: str = "") -> bool:
        return any(e.tag == tag and (not css or css in e.classes) for e in self.inside)


class Reader(HTMLParser):
    """Every element of a page; `wrong` has ends without a start, and starts without an end."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.wrong: list[str] = []
        self.open: list[Element] = []
        self.feed(html)
        self.close()
        self.wrong += [each.tag for each in self.open if each.tag not in OPTIONAL]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self.open and self.open[-1].tag in ENDS.get(tag, ()):
            self.open.pop()
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append(Element(tag, attributes, tuple(self.open)))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1].tag != tag and self.open[-1].tag in OPTIONAL:
            self.open.pop()
        if self.open and self.open[-1].tag == tag:
            self.open.pop()
        else:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.texts.append(data)

    def all(self, tag: str, css: str = "") -> list[Element]:
        return [e for e in self.elements if e.tag == tag and (not css or css in e.classes)]

    def by_id(self, name: str) -> Element:
        return next(e for e in self.elements if e.attributes.get("id") == name)


@cache
def html(
    name: str, mode: CostMode = "forward", dtype: str = "fp32", target: str | None = None
) -> str:
    return loaded(name).report(mode, dtype=dtype, target=target).html()


@cache
def page(
    name: str, mode: CostMode = "forward", dtype: str = "fp32", target: str | None = None
) -> Reader:
    return Reader(html(name, mode, dtype, target))
