"""From a path or a name to a Spec: read, extend, validate, resolve; all that is wrong at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tfspec import zoo
from tfspec.diagnostics import Diagnostic, Diagnostics, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.extend_blocks import extend_blocks
from tfspec.spec.extend_specs import Chain, merged
from tfspec.spec.pipeline import block_names
from tfspec.spec.recover import behind
from tfspec.spec.resolve import resolve
from tfspec.spec.schema import Spec
from tfspec.spec.source import Source, parse_text, plain, read
from tfspec.spec.wrong import Wrong, diagnostic

NO_SPEC = Rule(
    "TS118",
    "no such spec",
    "There is no file of this name, and no bundled spec either.",
    "A spec is a path to a YAML file, or the bare name of a bundled spec.",
    "tfspec check bert-bse",
    "`tfspec list` shows the bundled specs.",
)


@dataclass(frozen=True)
class Loaded:
    """What loading came to. `spec` is None where the diagnostics have an error."""

    spec: Spec | None
    diagnostics: Diagnostics
    sources: dict[str, str] = field(default_factory=dict[str, str])
    """The text of every file that was read, by the name that spans have."""


def load(path: str | Path) -> Loaded:
    """The spec of a file, or of a bundled spec's name, checked as far as its names.

    Never raises for what a user may give: every mistake is a diagnostic.
    """
    found = find(path)
    if isinstance(found, Diagnostic):
        return Loaded(None, Diagnostics([found]))
    source, diagnostics = read(found)
    if source is None:
        return Loaded(None, Diagnostics(diagnostics))
    return _load(source, diagnostics)


def load_text(text: str, file: str = "<text>") -> Loaded:
    """The spec that a text holds. What it extends is looked for beside `file`."""
    return _load(*parse_text(text, file))


def find(path: str | Path) -> Path | Diagnostic:
    """The file that a path or a bundled spec's name means. A file comes before a bundled name."""
    name = str(path)
    bundled = zoo.path(name)
    if bundled and not _is_file(name):
        return bundled
    if _is_bare(name) and not _exists(name):
        near = nearest(name, zoo.names())
        helps = (f"did you mean {quoted(near)}?",) if near else ("`tfspec list` shows the names",)
        message = f"there is no file {quoted(name)}, nor a bundled spec of that name"
        return diagnostic(NO_SPEC, message, None, helps=helps)
    return Path(name)


def _load(source: Source, diagnostics: list[Diagnostic]) -> Loaded:
    chain = Chain(found=diagnostics)
    root = merged(source, chain)
    texts = {file: each.text for file, each in chain.sources.items()}
    found = Diagnostics(chain.found)
    if root is None or not found.ok:
        return Loaded(None, found, texts)
    root, problems = extend_blocks(root)
    found.extend(problems)
    data = plain(root)
    token = block_names.set(_blocks(data))
    try:
        spec = Spec.read(data)
    except Wrong as error:
        found.extend(error.diagnostics)
        found.extend(behind(data, error.diagnostics))
        return Loaded(None, found, texts)
    finally:
        block_names.reset(token)
    found.extend(resolve(spec))
    return Loaded(spec if found.ok else None, found, texts)


def _blocks(data: dict[str, Any]) -> dict[str, Any]:
    blocks = data.get("blocks")
    return cast("dict[str, Any]", blocks) if isinstance(blocks, dict) else {}


def _is_bare(name: str) -> bool:
    return bool(name) and not {"/", "\\"} & set(name) and Path(name).suffix in ("", zoo.SUFFIX)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
