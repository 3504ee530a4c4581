"""From a Spec to its graph: every stream and output traced once, every mistake reported."""

from __future__ import annotations

from collections.abc import Mapping

from tfspec.construct.assume import assumed
from tfspec.construct.builder import Builder
from tfspec.construct.frozen import check_frozen
from tfspec.construct.holders import Defaults
from tfspec.construct.init import check_init, check_zeros
from tfspec.construct.shape_only import check_shapes
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Diagnostics
from tfspec.graph.class_names import class_name
from tfspec.graph.graph import Graph
from tfspec.graph.names import SizeNames
from tfspec.graph.scope import Scope
from tfspec.graph.space import Axis, Part, Space
from tfspec.graph.tensor import UNKNOWN, Tensor, features
from tfspec.graph.trace import Trace, tracing
from tfspec.spec.declare import InputDecl
from tfspec.spec.environment import environment
from tfspec.spec.pipeline import last_place
from tfspec.spec.schema import Spec
from tfspec.symbolic import Dim
from tfspec.symbolic.facts import Facts


def build_graph(
    spec: Spec, bound: Mapping[str, int] | None = None
) -> tuple[Graph | None, Diagnostics]:
    """The graph of a spec whose names are resolved, or None and what is wrong."""
    found = Diagnostics()
    env = environment(spec.dims)
    found.extend(env.found)
    if not found.ok:
        return None, found
    top = Trace(Scope("", None, class_name(spec.name, "Model"), doc=spec.about or ""))
    names = SizeNames({*spec.dims, *spec.inputs, *spec.streams})
    facts = Facts(env.domains, assumed(spec, env.sizes, env.domains, found))
    g = Builder(spec, env.sizes, facts, found, names, top)
    check_init(g)
    outputs, outputs_at = _trace(g)
    if found.ok:
        check_zeros(g)
        check_frozen(g)
        check_shapes(g, top, outputs.values())
    if not found.ok or any(tensor.unknown for tensor in outputs.values()):
        assert not found.ok, "a value is unknown, and no message says why"
        return None, found
    top.results = tuple(tensor.original for tensor in outputs.values())
    streams = {name: g.values[name] for name in spec.streams}
    names.prefer(value.space.length for value in streams.values() if value.space.parts)
    given = bound or {}
    graph = Graph(
        spec, top, env.sizes, facts, names, outputs, given, streams=streams, outputs_at=outputs_at
    )
    return graph, found


def _trace(g: Builder) -> tuple[dict[str, Tensor], int]:
    """The outputs, and how many steps are recorded before the first of them is made."""
    with tracing(g.top):
        g.top.inputs = tuple(_input(g, name, decl) for name, decl in g.spec.inputs.items())
        for name in g.spec.streams:
            if name not in g.values:
                g.build_stream(name)
        before = len(g.top.body)
        return {name: _output(g, name) for name in g.spec.outputs}, before


def _output(g: Builder, name: str) -> Tensor:
    pipeline = g.spec.outputs[name]
    fresh = {"defaults": Defaults(), "prefix": "", "output": name, "stream": "", "per": ()}
    with g.using(places=frozenset((name,)), **fresh, **g.no_layers_yet(pipeline)):
        value = g.rows(g.run(pipeline, None))
        if not value.unknown:
            try:
                g.one_width(value, "an output", last_place(pipeline))
            except Stop:
                return UNKNOWN
        return value


def _input(g: Builder, name: str, decl: InputDecl) -> Tensor:
    """An input's tensor, its dimensions in the order in which the model is called with them."""
    batches = {n for n, d in g.spec.dims.items() if d.kind == "batch"}
    axes: list[Axis] = []
    for axis in decl.layout:
        try:
            size = g.size(axis.size) if axis.name else g.fixed_size(axis.size)
        except Stop:
            size = Dim.of(1)
        axes.append(features(size) if axis.name is None else Axis(axis.name, size))
    batch = tuple(axis for axis in axes if axis.name in batches)
    tokens = tuple(axis for axis in axes if axis.name not in batches and axis.name != "width")
    space = Space(batch, (Part(name, tokens),))
    rows = (*batch, *tokens, *(axis for axis in axes if axis.name == "width"))
    featured = decl.kind != "float" or decl.features is not None
    raw = tuple(axes) != rows or len(tokens) > 1 or not featured
    tensor = Tensor(tuple(axes), space, decl.kind, role=name, raw=raw)
    if decl.vocabulary is not None:
        tensor.vocabulary = _vocabulary(g, decl)
    g.values[name] = tensor
    return tensor


def _vocabulary(g: Builder, decl: InputDecl) -> Dim | None:
    assert decl.vocabulary is not None
    try:
        return g.size(decl.vocabulary)
    except Stop:
        return None
