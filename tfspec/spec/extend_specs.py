"""Specs that extend specs: the chain of files, found safely, and merged into one mapping."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tfspec import zoo
from tfspec.diagnostics import Diagnostic, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.merge import inherit
from tfspec.spec.nodes import Mapping, Scalar
from tfspec.spec.source import Source, read
from tfspec.spec.wrong import diagnostic

NO_SUCH_SPEC = Rule(
    "TS114",
    "an unknown spec to extend",
    "`extends` names neither a file beside the spec nor a bundled spec.",
    "The spec says only what it changes; the rest comes from the other one.",
    "extends: bert-bse",
    "Name a file in the spec's folder, or a bundled spec (`tfspec list`).",
)
SPEC_CYCLE = Rule(
    "TS115",
    "specs that extend each other",
    "A spec extends itself, directly or through others.",
    "None of them would have a beginning.",
    "extends: a  # in a.yaml",
    "Let one of them be whole.",
)
OUTSIDE = Rule(
    "TS116",
    "an extends that leaves the folder",
    "`extends` is a path to a file outside the spec's folder.",
    "A spec from elsewhere must not make tfspec read any file of this machine.",
    "extends: ../../secret.yaml",
    "Put the file beside the spec, or below.",
)
LONG_CHAIN = Rule(
    "TS117",
    "a long chain of extends",
    "Specs extend each other through very many files.",
    "The bound keeps time and memory bounded.",
    "extends: a17  # which extends a18, and so on",
    "Extend fewer specs.",
)
MAX_CHAIN = 16


@dataclass
class Chain:
    """What was read: sources by file, the merged mapping, and what is wrong."""

    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    found: list[Diagnostic] = field(default_factory=list[Diagnostic])


def merged(source: Source, chain: Chain) -> Mapping | None:
    """The spec's mapping with all that it extends merged in; None where a part is missing."""
    return _merged(source, chain, [])


def _merged(source: Source, chain: Chain, files: list[Path]) -> Mapping | None:
    chain.sources[source.file] = source
    if source.root is None:
        return None
    extends = source.root.get("extends")
    if not isinstance(extends, Scalar) or not isinstance(extends.value, str):
        return source.root
    files = [*files, Path(source.file).resolve()]
    base = _base(extends, files, chain)
    mapping = _merged(base, chain, files) if base else None
    return inherit(mapping, source.root) if mapping else None


def _base(extends: Scalar, files: list[Path], chain: Chain) -> Source | None:
    path = _find(extends, files, chain)
    if path is None:
        return None
    source, found = read(_shown(path))
    chain.found += found
    return source


def _find(extends: Scalar, files: list[Path], chain: Chain) -> Path | None:
    name, here = extends.text, files[-1]
    found = _candidates(name, here)
    if not _within(here.parent / name, here.parent) or any(
        not _within(each, here.parent) and each != zoo.path(name) for each in found
    ):
        message = f"{quoted(name)} is outside the folder of the spec"
        helps = ("put both in one folder; a bundled spec is extended by its bare name",)
        return _stop(OUTSIDE, message, extends, chain, helps)
    if not found:
        near = nearest(name, zoo.names())
        helps = (f"did you mean {quoted(near)}?",) if near else ()
        message = f"there is no spec {quoted(name)} in this folder, nor a bundled one"
        return _stop(NO_SUCH_SPEC, message, extends, chain, helps)
    return _acyclic(found, extends, files, chain)


def _acyclic(found: list[Path], extends: Scalar, files: list[Path], chain: Chain) -> Path | None:
    others = [each for each in found if each.resolve() not in files]
    if not others:
        names = [each.stem for each in files[files.index(found[0].resolve()) :]]
        message = f"specs extend each other: {' -> '.join(map(quoted, [*names, names[0]]))}"
        return _stop(SPEC_CYCLE, message, extends, chain)
    if len(files) > MAX_CHAIN:
        message = f"specs extend each other through more than {MAX_CHAIN} files"
        return _stop(LONG_CHAIN, message, extends, chain)
    return others[0]


def _candidates(name: str, here: Path) -> list[Path]:
    """The files that a name may mean: beside the spec, with or without its ending; bundled."""
    try:
        beside = [here.parent / each for each in (name, f"{name}{zoo.SUFFIX}")]
        found = [each for each in beside if each.is_file()]
    except (OSError, ValueError):  # a name that no file can have
        found = []
    bundled = zoo.path(name)
    return [*found, bundled] if bundled else found


def _within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _shown(path: Path) -> Path:
    """The path as messages show it: relative where it is below the current folder."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def _stop(
    rule: Rule, message: str, extends: Scalar, chain: Chain, helps: tuple[str, ...] = ()
) -> None:
    chain.found.append(diagnostic(rule, message, extends.span, helps=helps))
