"""tfspec's answer against the reference's: what runs gives equal numbers, what is refused fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import torch

from tests.fuzz import running
from tests.fuzz.broken import distance, require
from tests.fuzz.reference.numbers import LARGE, Explodes, Fails, size
from tests.fuzz.reference.spec import Reference
from tests.fuzz.reference.weights import Free, Held
from tfspec.graph.graph import Graph
from tfspec.spec.environment import environment
from tfspec.spec.schema import Spec
from tfspec.symbolic.claims import Claim, Refuted
from tfspec.symbolic.domain import Domain
from tfspec.symbolic.facts import Facts

Tree = dict[str, Any]
# Errors about sizes and shapes: a model that has one must fail somewhere when it is computed.
FAILING = frozenset(
    [
        "TS201",
        "TS202",
        "TS203",
        "TS208",
        "TS209",
        "TS210",
        "TS211",
        "TS212",
        "TS215",
        "TS221",
        "TS226",
    ]
)
HIDING = "TS254"
FAILURES = (Fails, RuntimeError, IndexError, ZeroDivisionError)


def allowed(tree: Tree, graph: Graph, built: running.Built, seed: int, valid: bool) -> bool:
    """The emitted model gives the reference's numbers. False where the reference cannot read it."""
    for at in built.sizes:
        given = running.inputs(graph, at, seed)
        try:
            with torch.no_grad():
                reference = Reference(tree, dict(at), given, Held(graph, built.weights).top)
                reference.limit = LARGE
                values = reference.outputs()
        except Explodes:
            return False
        except Exception:
            if valid:
                raise
            return False
        found = running.call(built.models["fast"], graph, given)
        for (name, value), ours in zip(values.items(), found, strict=True):
            theirs = value.data.squeeze(len(value.batch)) if value.single else value.data
            require(
                ours.shape == theirs.shape,
                f"at {at}: {name} is {[*ours.shape]}, not {[*theirs.shape]}",
            )
            gap = distance(ours, theirs)
            require(gap < 1e-6, f"at {at}: {name} differs by {gap:.2g} from the reference")
    return True


def explodes(
    tree: Tree | None, graph: Graph, weights: running.Weights, at: running.Bindings, seed: int
) -> bool:
    """Whether the reference says that numbers grow until nothing can be compared."""
    reference = Reference(tree or {}, dict(at), running.inputs(graph, at, seed),
                          Held(graph, weights).top)  # fmt: skip
    reference.limit = LARGE
    try:
        with torch.no_grad():
            reference.outputs()
    except Explodes:
        return True
    except Exception:
        return False
    return False


def refused(
    tree: Tree, spec: Spec, codes: Sequence[str],
    refuted: Sequence[tuple[Facts, Claim, Refuted]], seed: int,
) -> bool:  # fmt: skip
    """A refused model fails at a counterexample, or at sampled sizes. False: nothing was tried."""
    domains = environment(spec.dims).domains
    if set(codes) == {HIDING}:
        return _hidden(tree, domains, seed)
    if not set(codes) <= FAILING or not domains:
        return False
    points = [{n: d.low for n, d in domains.items()} | dict(each.counterexample)
              for _, _, each in refuted]  # fmt: skip
    rng = Random(seed)
    points += [{n: _some(d, at, rng) for n, d in domains.items()} for at in range(3)]
    if any(value > 1000 for point in points for value in point.values()):
        return False
    tried = False
    for point in points:
        try:
            given = _inputs(tree, point)
            with torch.no_grad():
                Reference(tree, dict(point), given, Free()).outputs()
            tried = True
        except FAILURES:
            return True
        except Exception:
            return False
    require(not tried, f"refused as {', '.join(codes)}, and the reference computes it at {points}")
    return False


def _hidden(tree: Tree, domains: Mapping[str, Domain], seed: int) -> bool:
    """A mask hides every key at all sizes that are tried."""
    rng = Random(seed)
    blind: list[set[Any]] = []
    for at in range(4):
        point = {name: _some(domain, at, rng) for name, domain in domains.items()}
        if any(value > 1000 for value in point.values()):
            return False
        reference = Reference(tree, point, _inputs(tree, point), Free())
        try:
            with torch.no_grad():
                reference.outputs()
        except Exception:
            return False
        seeing = {mask for mask, some in reference.masks if some}
        blind.append({mask for mask, _ in reference.masks} - seeing)
    require(set.intersection(*blind), f"refused as {HIDING}, and every mask lets a query see a key")
    return True


def _some(domain: Domain, at: int, rng: Random) -> int:
    last = domain.high or domain.low + 4 * domain.step
    steps = min((last - domain.low) // domain.step, 5)
    return domain.low + domain.step * ((0, steps)[at] if at < 2 else rng.randint(0, steps))


def _inputs(tree: Tree, at: dict[str, int]) -> dict[str, torch.Tensor]:
    """Random inputs by the declarations alone."""
    from tests.fuzz.reference.value import closing, layout

    sizes = Reference({**tree, "inputs": {}}, dict(at), {}, Free()).sizes
    found: dict[str, torch.Tensor] = {}
    for name, text in tree.get("inputs", {}).items():
        kind, axes = layout(text)
        shape = [size(axis, sizes) for axis in axes]
        if kind == "float":
            found[name] = torch.randn(shape, dtype=torch.float64)
        elif kind == "bool":
            found[name] = torch.rand(shape) < 0.6
        else:
            rows = size(text[text.index("(") + 1 : closing(text)], sizes)
            found[name] = torch.randint(rows, shape)
    return found
