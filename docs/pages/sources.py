"""The page of sources: every work that the code or a bundled spec cites, and where to read it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.pages import markdown
from docs.pages.knobs import CITED
from docs.pages.markdown import table
from tfspec import zoo

CODE = Path(__file__).parents[2] / "tfspec"
ABOUT = (
    "Works by the name under which docstrings, knobs and bundled specs cite them. Most numbers at "
    "arXiv were looked up; sections and equations are said where a formula is."
)
ARXIV = re.compile(r"arXiv (\d\d)\d\d\.\d{4,5}")


@dataclass(frozen=True)
class Work:
    """A work: as it is cited, what it is called, and where it stands."""

    cited: str
    title: str
    where: str

    @property
    def years(self) -> set[str]:
        """The years in which it came out: of its number at arXiv, and of its venue."""
        found = ARXIV.search(self.where)
        venue = re.findall(r"\b(?:19|20)\d\d\b(?!\.)", self.where)
        return {*venue, *([f"20{found[1]}"] if found else [])}


WORKS = tuple(
    Work(*line.split(" | "))
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()
)


def page() -> str:
    rows = ((work.cited, work.title, _linked(work.where)) for work in WORKS)
    return markdown.page("Sources", ABOUT, table(("cited as", "title", "where"), rows))


def _linked(where: str) -> str:
    return re.sub(r"arXiv (\d{4}\.\d+)", r"[arXiv \1](https://arxiv.org/abs/\1)", where)


def citations() -> dict[str, set[str]]:
    """Every citation of the code and the bundled specs, by the files that it is in."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (*sorted(CODE.rglob("*.py")), *map(zoo.path, zoo.names())):
        for cited in _cited(path.read_text("utf-8")):
            found[cited].add(path.name)
    return dict(found)


def _cited(text: str) -> Iterator[str]:
    """Citations in a file, whose lines may end within one."""
    whole = " ".join(re.sub(r'"\s*\n\s*(# )?"?', "", text).split())
    yield from (each[0] for each in CITED.finditer(whole) if re.search(r"(19|20)\d\d$", each[0]))
