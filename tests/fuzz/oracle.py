"""What must hold of any text given to tfspec: `examine` says how it went, or raises Broken."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
import yaml

from tests.fuzz import against, running
from tests.fuzz.broken import Broken, distance, require
from tests.fuzz.losses import Told, check_one
from tfspec.diagnostics import Diagnostics
from tfspec.diagnostics.machine import to_github, to_json
from tfspec.diagnostics.text import render
from tfspec.graph.graph import Graph
from tfspec.passes import check as check_pass
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text
from tfspec.program.refusal import NotYet
from tfspec.spec.load import Loaded, load_text
from tfspec.symbolic.claims import Claim, Refuted
from tfspec.symbolic.facts import Facts

SECONDS = 20
TWICE, TOLD = 4, 3
"""One case of so many is emitted again, and one of so many with a loss."""
STYLES = ("fast", "explicit")
Tree = dict[str, Any]


@dataclass
class Seen:
    """How one text went."""

    status: str
    codes: tuple[str, ...] = ()
    graph: Graph | None = None
    runs: int = 0
    agreed: bool = False
    """The reference could read the spec, and came to the same."""
    loss: Told | None = None
    """The loss that was compared, if one was."""
    refuted: list[tuple[Facts, Claim, Refuted]] = field(default_factory=list)


def examine(text: str, seed: int = 0, tree: Tree | None = None, valid: bool = True) -> Seen:
    """Check, emit, run and compare. Raises Broken, or whatever tfspec wrongly raises.

    With the `tree` of the text, its own computation by the reference must agree too; where the
    text may be no `valid` spec, only as far as the reference can read it.
    """
    with bounded(SECONDS), watched() as refuted:
        loaded = load_text(text, "fuzz.yaml")
        checked = check_pass.check(loaded, {})
        told(checked.diagnostics, loaded)
        seen = Seen("ok", codes(checked.diagnostics), checked.graph, refuted=refuted)
        refutations(refuted)
        if not checked.ok:
            seen.status = "error" if seen.codes else "silent"
            require(seen.codes, "the check failed, and no message says why")
            if tree is not None and loaded.spec is not None:
                seen.agreed = against.refused(tree, loaded.spec, seen.codes, refuted, seed)
            return seen
        require(checked.graph is not None, "the check is ok, and there is no graph")
        assert checked.graph is not None
        mark = sum(text.encode())  # what is costly is looked at in some cases, by their letters
        try:
            twice = mark % TWICE == 0
            known = read(text) if tree is None else tree
            built = emitted(checked.graph, checked.params, seed, twice=twice, tree=known)
            seen.runs = len(built.sizes)
            if seen.runs and mark % TOLD == 0:
                seen.loss = check_one(checked.graph, built, Random(mark))
            if tree is not None and seen.runs:
                seen.agreed = against.allowed(tree, checked.graph, built, seed, valid)
        except NotYet as refusal:
            seen.status, seen.codes = "not yet", (refusal.diagnostic.code,)
    return seen


def read(text: str) -> Tree | None:
    """The tree of a text, where it is one for other readers too: not all know tabs, for instance."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def codes(found: Diagnostics) -> tuple[str, ...]:
    return tuple(each.code for each in found if each.severity == "error")


def told(found: Diagnostics, loaded: Loaded) -> None:
    """Every message can be shown, on one terminal line a line, and stays text."""
    shown = render(found, loaded.sources, color=False)
    odd = {char for char in shown if not char.isprintable() and char != "\n"}
    require(not odd, f"messages show control characters {odd}")
    for each in found:
        json.dumps(to_json(each))
        require("\n" not in to_github(each), "a GitHub line breaks")
        require(each.message.strip() != "", "an empty message")


# ---- ok
def emitted(
    graph: Graph, params: int | None, seed: int, *, twice: bool, tree: Tree | None = None
) -> running.Built:
    """Both styles: deterministic, of the predicted parameters and shapes, and equal."""
    programs = {style: program_of(graph, style=style) for style in STYLES}
    sources = {style: file_text(program) for style, program in programs.items()}
    for style, source in sources.items():
        if twice:
            again = file_text(program_of(graph, style=style))
            require(again == source, f"{style}: two emissions differ")
        compile(source, f"<{style}>", "exec")
        tidy(source)
    sizes = running.small(graph, seed)
    if not sizes:
        return running.Built([], {}, {})
    models = {style: running.model(programs[style], sources[style]) for style in STYLES}
    given = running.weights(programs["explicit"], seed)
    for style, model in models.items():
        held = sum(parameter.numel() for parameter in model.parameters())
        require(held == params, f"{style}: {held} parameters, and {params} are predicted")
        running.load(model, programs[style], given)
    for at in sizes:
        ran(graph, models, at, seed, lambda at=at: against.explodes(tree, graph, given, at, seed))
    return running.Built(sizes, models, given)


def ran(
    graph: Graph, models: Mapping[str, torch.nn.Module], at: running.Bindings, seed: int,
    explodes: Callable[[], bool],
) -> None:  # fmt: skip
    """The models at these sizes: shapes as predicted, and both styles equal, unless numbers grow
    until rounding says what comes out."""
    given = running.inputs(graph, at, seed)
    flags = {name for name, tensor in given.items() if tensor.dtype == torch.bool}
    for values in [given, *([{k: v for k, v in given.items() if k not in flags}] if flags else [])]:
        outputs = {style: running.call(model, graph, values) for style, model in models.items()}
        for style, found in outputs.items():
            for (name, tensor), value in zip(graph.outputs.items(), found, strict=True):
                predicted = tuple(size.value(at) for size in tensor.shape)
                require(
                    tuple(value.shape) == predicted,
                    f"{style} at {at}: {name} is {tuple(value.shape)}, and {predicted} is predicted",
                )
        for name, fast, explicit in zip(graph.outputs, *outputs.values(), strict=True):
            gap = distance(fast, explicit)
            require(
                gap < 1e-9 or explodes(), f"at {at}: {name} differs by {gap:.2g} between the styles"
            )


def tidy(source: str) -> None:
    """What any formatter would leave: no tabs, no ends of spaces, one newline at the end."""
    lines = source.split("\n")
    require(all(line == line.rstrip() for line in lines), "a line ends in spaces")
    require("\t" not in source, "a tab")
    require(source.endswith("\n") and not source.endswith("\n\n"), "the end of the file")
    require(source.replace("\n", "").isprintable(), "controls")


# ---- error
def refutations(refuted: list[tuple[Facts, Claim, Refuted]]) -> None:
    """A counterexample is allowed, and the claim is false there."""
    for facts, claim, answer in refuted:
        at = {
            name: domain.low for name, domain in facts.domains.items() if domain.low == domain.high
        }
        at |= answer.counterexample
        for name, value in at.items():
            require(facts.domains[name].contains(value), f"{name} = {value} is not allowed")
        left, right = claim.left.value(at), claim.right.value(at)
        kind = type(claim).__name__
        holds = {"Equal": left == right, "AtLeast": left >= right,
                 "Divides": left != 0 and right % left == 0}[kind]  # fmt: skip
        require(not holds, f"{claim} holds at the counterexample {at}")


@contextmanager
def watched() -> Generator[list[tuple[Facts, Claim, Refuted]]]:
    """Every refutation that the prover gives inside."""
    found: list[tuple[Facts, Claim, Refuted]] = []
    decide = Facts.decide

    def noting(self: Facts, claim: Claim):
        answer = decide(self, claim)
        if isinstance(answer, Refuted):
            found.append((self, claim, answer))
        return answer

    Facts.decide = noting
    try:
        yield found
    finally:
        Facts.decide = decide


@contextmanager
def bounded(seconds: float) -> Generator[None]:
    """Raises Broken when so much time of the processor is used, whatever else the machine does;
    only a main thread can be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(*_: object) -> None:
        raise Broken(f"took more than {seconds} s")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
