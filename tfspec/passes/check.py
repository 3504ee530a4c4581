"""The pass `check`: build the graph, prove its shapes, hold `expect` against what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from tfspec.construct.build import build_graph
from tfspec.diagnostics import Diagnostic, Diagnostics, Label, Rule
from tfspec.graph.graph import Graph
from tfspec.layers.base import NOT_YET
from tfspec.spec.binding import bind
from tfspec.spec.load import Loaded
from tfspec.spec.override import set_dims
from tfspec.spec.remarks import remarks
from tfspec.spec.schema import Expect

UNEXPECTED = Rule(
    "TS301",
    "an expectation that does not hold",
    "`expect` says what must come out, and something else does.",
    "The spec or the expectation is wrong; a published model's count tells which.",
    "expect: {params: 124439809}",
    "Correct the spec, or write the number that the message gives.",
)
OVER_BUDGET = Rule(
    "TS302",
    "a budget that is exceeded",
    "`expect` sets a budget, and the model needs more.",
    "CI holds a model to its budget this way.",
    "expect: {max_params: 100e6}",
    "Make the model smaller, or raise the budget.",
)


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
    spec, problems = set_dims(loaded.spec, other)
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
    if params is not None and spec.expect is not None:
        found.extend(_expected(spec.expect, params))
        found.extend(_not_yet(spec.expect))
    return Checked(found.ok, params, graph, found)


def digest(loaded: Loaded, sets: Mapping[str, int | str]) -> str:
    """A fingerprint of every text that the spec came from, and of the dims set from outside."""
    content = [*loaded.sources.values(), *(f"{name}={value}" for name, value in sets.items())]
    return sha256("\0".join(content).encode(errors="surrogatepass")).hexdigest()[:12]


def _expected(expect: Expect, params: int) -> Iterator[Diagnostic]:
    if expect.params is not None and expect.params != params:
        more = params - expect.params
        message = f"{expect.params:,} parameters are expected, and the spec has {params:,}"
        label = Label(
            expect.span_of("params"), f"{abs(more):,} {'fewer' if more > 0 else 'more'} than it has"
        )
        yield Diagnostic(UNEXPECTED, message, label)
    if expect.max_params is not None and params > expect.max_params:
        message = (
            f"at most {expect.max_params:,} parameters are allowed, and the spec has {params:,}"
        )
        label = Label(expect.span_of("max_params"), f"{params - expect.max_params:,} over")
        yield Diagnostic(OVER_BUDGET, message, label)


def _not_yet(expect: Expect) -> Iterator[Diagnostic]:
    for knob, span in expect.unsupported():
        yield Diagnostic(NOT_YET, f"`{knob}` is not supported yet", Label(span))
