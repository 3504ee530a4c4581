"""The pages of docs/reference: as the code writes them now, and with what each has to say."""

from __future__ import annotations

import pytest

from docs.pages import diagnostics, knobs, sources
from docs.pages.fields import knob_table
from docs.pages.index import FOLDER, pages
from docs.pages.knobs import CITED, Few, few
from docs.pages.markdown import table, told
from docs.pages.steps import own
from tests.bundled import NAMES
from tfspec.layers.attend import Attend
from tfspec.layers.base import Layer


def test_the_pages_are_what_the_code_writes_now() -> None:
    written = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "write them anew: make reference"


@pytest.mark.parametrize("step", own())
def test_every_step_has_shapes_and_a_source(step: str) -> None:
    text = told(own()[step])
    assert "->" in text
    assert CITED.search(text)
    assert all(field.description for field in own()[step].model_fields.values())


@pytest.mark.parametrize("knob", few(), ids=lambda knob: f"{knob.of[0]} {knob.key}")
def test_what_one_spec_uses_has_a_source_of_its_own(knob: Few) -> None:
    """It is the field's concept, and no model's: a paper has it."""
    assert knob.source is not None


def test_a_knob_without_a_source_is_seen() -> None:
    known = knobs.models()
    assert Few("depth", "number of layers", ("pool",), frozenset()).source == "Lin et al. 2013"
    two = CITED.findall(told(known["similarity"]))
    assert len(set(two)) == 2
    assert Few("bias", "a number that is added", ("similarity",), frozenset()).source is None


def test_every_citation_is_a_source() -> None:
    known = {work.cited for work in sources.WORKS}
    assert {
        cited: files for cited, files in sources.citations().items() if cited not in known
    } == {}
    assert len(sources.citations()) > 70


def test_a_source_is_cited_by_a_year_in_which_it_came_out() -> None:
    assert [work for work in sources.WORKS if work.cited[-4:] not in work.years] == []
    found = [number for work in sources.WORKS for number in sources.ARXIV.findall(work.where)]
    whole = [work.where.rpartition("arXiv ")[2] for work in sources.WORKS if "arXiv" in work.where]
    assert len(whole) == len(set(whole)) == len(found)


def test_a_wrong_year_is_seen() -> None:
    work = sources.Work("Devlin et al. 2019", "BERT", "arXiv 1810.04805")
    assert work.years == {"2018"}
    assert sources.Work("", "", "ICLR 2022, arXiv 2108.12409").years == {"2021", "2022"}


def test_the_only_user_of_a_knob_is_found() -> None:
    found = {(knob.key, knob.of): set(knob.specs) for knob in few()}
    assert found["buckets", ("attend: RelBias",)] == {"t5-base"}
    assert found["sinks", ("attend",)] == set()
    assert ("heads", ("attend",)) not in found
    assert knobs.users()[Attend, "heads"] >= set(NAMES) - {"llama-3-70b"}


def test_every_message_is_there_and_half_of_them_as_a_user_reads_them() -> None:
    page = pages()["diagnostics.md"]
    for rule in diagnostics.own():
        assert f"## {rule.code}\n" in page
        assert rule.mend in page
    assert len(diagnostics.messages()) > len(diagnostics.own()) / 2
    assert "error[TS214]: the value here has no axis `S`" in page


@pytest.mark.parametrize("name", NAMES)
def test_every_spec_is_there(name: str) -> None:
    assert f"\n## {name}\n" in pages()["specs.md"]


def test_a_table_keeps_its_columns() -> None:
    assert (
        table(("a", "b"), [("x|y", "two\nlines")])
        == "| a | b |\n| --- | --- |\n| x\\|y | two lines |"
    )
    assert table(("a",), []) == ""
    row = knob_table(Attend).splitlines()[2]
    assert row == (
        "| `heads` | a size: an integer from 1 on, or an expression; required "
        "| number of query heads |"
    )


def test_steps_from_outside_are_not_of_the_reference() -> None:
    assert all(issubclass(step, Layer) for step in own().values())
    assert all(step.__module__.startswith("tfspec.layers.") for step in own().values())
