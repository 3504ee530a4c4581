"""The pass `check`: build the graph, prove its shapes, hold `expect` against what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from tfspec.construct.build import build_graph
from tfspec.diagnostics import Diagnostics
from tfspec.diagnostics.escape import quoted
from tfspec.graph.graph import Graph
from tfspec.passes.expect import expected
from tfspec.spec.binding import bind
from tfspec.spec.load import Loaded
from tfspec.spec.override import set_dims
from tfspec.spec.remarks import remarks
from tfspec.spec.schema import Spec


@dataclass(frozen=True, repr=False)
class Checked:
    """What a check came to: the number of parameters, and the graph; None after an error."""

    ok: bool
    params: int | None
    graph: Graph | None
    diagnostics: Diagnostics

    def __repr__(self) -> str:
        told = "".join(f", {each.code}: {each.message}" for each in self.diagnostics)
        return f"<Checked {'ok' if self.ok else 'not ok'}, params={self.params}{told}>"


def check(loaded: Loaded, sets: Mapping[str, int | str]) -> Checked:
    """Everything that is wrong with a spec under these dims. Raises nothing."""
    found = Diagnostics(loaded.diagnostics)
    if loaded.spec is None or not found.ok:
        return Checked(False, None, None, found)
    bound, other, problems = bind(loaded.spec, sets)
    found.extend(problems)
    declared = loaded.spec
    spec, problems = set_dims(declared, other, lambda name: _slots(name, declared))
    found.extend(problems)
    if not found.ok:
        return Checked(False, None, None, found)
    graph, problems = build_graph(spec, bound)
    found.extend(problems)
    if graph is not None:
        graph.digest = digest(loaded, sets)
    if found.ok:
        found.extend(remarks(spec))
    params = None if graph is None else graph.facts.value(graph.params)
    if graph is not None and params is not None and spec.expect is not None:
        found.extend(expected(spec.expect, graph))
    return Checked(found.ok, params, graph, found)


def _slots(name: str, spec: Spec) -> str | None:
    """How to set the slots of the cache, where a name is theirs, as costs and shapes show it."""
    from tfspec.passes.modes import length_of_slots

    graph, _ = build_graph(spec, {})
    length = None if graph is None or graph.slots_name != name else length_of_slots(graph)
    if length is None:
        return None
    slots = f"{quoted(name)} counts the slots of the cache, which follow the text's length"
    return f"{slots}: write {quoted(f'--set {length}=...')}"


def digest(loaded: Loaded, sets: Mapping[str, int | str]) -> str:
    """A fingerprint of every text that the spec came from, and of the dims set from outside."""
    content = [*loaded.sources.values(), *(f"{name}={value}" for name, value in sets.items())]
    return sha256("\0".join(content).encode(errors="surrogatepass")).hexdigest()[:12]
