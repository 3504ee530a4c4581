"""All 33 drafts of the language load, validate, resolve, and fit the JSON Schema."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.spec.small import SMALL
from tfspec.spec.load import load
from tfspec.spec.schema import json_schema
from tfspec.spec.source import parse_text, plain, read

DRAFTS = sorted((Path(__file__).parents[1] / "drafts").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_there_are_all() -> None:
    assert len(DRAFTS) == 33


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.stem)
def test_draft_loads(path: Path) -> None:
    loaded = load(path)
    assert list(loaded.diagnostics) == []
    assert loaded.spec is not None
    assert loaded.spec.expect is not None


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.stem)
def test_draft_fits_the_json_schema(path: Path, validator: Draft202012Validator) -> None:
    source, _ = read(path)
    assert source is not None
    assert [each.message for each in validator.iter_errors(plain(source.root))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name:", "nmae:"),
        ("dims:", "dim:"),
        ("outputs:", "output:"),
        ("norm: {at", "nrom: {at"),
        ("at: pre", "att: pre"),
        ("at: pre", "at: before"),
        ("attend: {", "atend: {"),
        ("heads:", "hedas:"),
        ("heads: h", "heads: [h]"),
        ("act: gelu", "act: gleu"),
        ("depth:", "depht:"),
        ("pos: learned", "pos: lerned"),
        ("bool B T", "boolean B T"),
        ("T: 1..16", "T: [1, 16]"),
    ],
)
def test_typos_do_not_fit(old: str, new: str, validator: Draft202012Validator) -> None:
    assert old in SMALL
    source, _ = parse_text(SMALL.replace(old, new, 1))
    assert not validator.is_valid(plain(source.root))


def test_the_small_spec_fits(validator: Draft202012Validator) -> None:
    source, _ = parse_text(SMALL)
    assert validator.is_valid(plain(source.root))
