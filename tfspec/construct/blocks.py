"""Blocks: lists in place, residual blocks as modules, and the rule by which branches are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tfspec.construct.builder import Builder
from tfspec.construct.holders import Defaults
from tfspec.construct.layer_index import Layers
from tfspec.construct.pieces import cut, drop_unread
from tfspec.construct.rounds import in_rounds, share_of
from tfspec.construct.rules import KINDS, WAYS_OUT, WRONG_KIND
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Label, Rule
from tfspec.graph.class_names import class_name, title
from tfspec.graph.scope import Place, Scope
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.graph.trace import Trace, current
from tfspec.layers.attend import Attend
from tfspec.layers.base import Layer
from tfspec.layers.dropout import branch_dropped
from tfspec.layers.ffn import Ffn
from tfspec.layers.modulation import gated
from tfspec.layers.norm import Normalisation, NormKnobs
from tfspec.layers.norm import Place as NormPlace
from tfspec.layers.par import Par
from tfspec.layers.residual import Gate, ResidualKnobs
from tfspec.layers.scale import scaled
from tfspec.layers.stack import Pattern
from tfspec.ops.batch import broadcasts, joint, repeated
from tfspec.ops.pointwise import Add, Learned
from tfspec.ops.tokens import Concat
from tfspec.spec.parts import Share
from tfspec.spec.pipeline import Pipeline, Ref, items, last_place
from tfspec.spec.schema import BlockDecl
from tfspec.symbolic import Dim

UNEQUAL_RESIDUAL = Rule(
    "TS210",
    "a branch that cannot be added",
    "A branch of a residual block gives another shape than what it is added to.",
    "A residual adds element by element.",
    "blocks: {layer: {do: [{linear: 4 * width}]}}",
    "End the branch with the width it began with; `residual: none` in a block lets each of its "
    "branches replace what it reads.",
)
TWO_GATES = Rule(
    "TS297",
    "a gate of two kinds",
    "A gate has a `kind` and a `from`.",
    "It is tanh of one learned number, or a factor for every feature that a value decides.",
    "residual: {gate: {kind: tanh, from: state}}",
    "Leave one of the two out.",
)
CHANGED_SHAPE = Rule(
    "TS211",
    "a layer that changes the shape in a stack",
    "A layer of a stack gives another shape than it is given, so the next layer would not fit.",
    "The layers of a stack run one after the other.",
    "blocks: {half: [{linear: width / 2}]}  # stack: {of: half, depth: 4}",
    "Run such a block once, outside the stack.",
)


def one_block(g: Builder, ref: Ref, x: Tensor) -> Tensor:
    """One layer: a list block in place, or a residual block as a module."""
    block = g.spec.blocks[ref.name]
    if not isinstance(block, BlockDecl):
        with g.using(places=g.places | {ref.name}):
            return g.run(block, x)
    try:
        _vectors(g, ref, x)
        with g.using(layers=_next_layers(g)[0], places=g.places | {ref.name}):
            return g.child(
                g.name(ref.name), class_name(ref.name, "Block"), describe(block), (x,),
                lambda inner: residual_block(g, block, inner[0]), block.share,
                title=title(ref.name),
            )  # fmt: skip
    except Stop:
        g.stopped()
        return UNKNOWN


def _vectors(g: Builder, ref: Ref, x: Tensor) -> None:
    if x.kind != "float" and not x.unknown:
        message = f"block `{ref.name}` works on vectors, and the value here is {KINDS[x.kind]}"
        raise g.refuse(WRONG_KIND, message, ref.span, help=[WAYS_OUT[x.kind]])


def _next_layers(g: Builder, pattern: int = 1, rounds: int = 1) -> list[Layers]:
    """The layers that each block of a pattern is; inside a layer all are part of that."""
    assert g.depth is not None
    if g.layers is not None:
        return [g.layers] * pattern
    first = g.depth.take(pattern * rounds)
    stop = first + pattern * rounds
    return [Layers(range(first + at, stop, pattern), lead=at) for at in range(pattern)]


def stack(g: Builder, pattern: Pattern, depth: Dim, rounds: int, x: Tensor) -> Tensor:
    """`rounds` times the pattern, each of its layers traced once."""
    layers = pattern.layers
    listed = current().scope.child(g.name("blocks"), "list")
    step = len(layers)
    count = depth.exact_div(step)
    indices = _next_layers(g, step, rounds)
    own = [in_rounds(g, *each, count) for each in zip(layers, indices, strict=True)]
    _equal_rounds(g, pattern, own)
    for at, (_, copies) in enumerate(own):
        listed.entries.append(Place("", listed, copies=copies, offset=at, step=step))
    places = [place for place in listed.entries if isinstance(place, Place)]
    run = [(each, place, of) for each, place, (of, _) in zip(layers, places, own, strict=True)]
    shared = len(g.shared), len(g.shared_traces)
    traces = _traced(g, run, x)
    if shared == (len(g.shared), len(g.shared_traces)):
        again = _as_often(g, x, traces[-1].results[0])
        x, traces = again, traces if again is x else _traced(g, run, again)
    for (each, _, _), trace in zip(run, traces, strict=True):
        _check_kept(g, each, trace)
    return Stack(tuple(traces), count, rounds)(x)


def _traced(
    g: Builder, run: Sequence[tuple[Sequence[Ref], Place, Layers]], x: Tensor
) -> list[Trace]:
    """Each layer of a pattern, one after the other."""
    traces: list[Trace] = []
    for layer, place, layers in run:
        with g.using(layers=layers):
            traces.append(_layer(g, layer, place, x))
        x = traces[-1].results[0]
    return traces


def _as_often(g: Builder, x: Tensor, result: Tensor) -> Tensor:
    """Learned tokens that read a batch: what a stack begins with, once for each of it.

    All layers are one class then, though the first could begin with what is the same in each.
    """
    wider = joint(x, result) == result.space.batch != x.space.batch
    alone = replace(result.space, batch=x.space.batch) == x.space and g.same_widths(result, x)
    return repeated(x, result.space.batch) if wider and alone and g.diagnostics.ok else x


def _equal_rounds(g: Builder, pattern: Pattern, own: Sequence[tuple[Layers, Dim]]) -> None:
    if len({len(layers.own) for layers, _ in own}) > 1:
        what = "a pattern in which layers share weights in rounds of different lengths"
        raise g.not_yet(what, pattern.span)


def _layer(g: Builder, layer: Sequence[Ref], place: Scope, x: Tensor) -> Trace:
    """One layer of a pattern: one residual block, or several blocks in a series."""
    blocks = [g.spec.blocks[ref.name] for ref in layer]
    place.kind = "".join(class_name(ref.name, "Block") for ref in layer)
    if len(blocks) == 1 and isinstance(blocks[0], BlockDecl):
        block, share = blocks[0], share_of(g, layer)
        doc = describe(block)
        with g.using(places=g.places | {layer[0].name}):
            trace = g.layer(share, place, doc, x, lambda v: residual_block(g, block, v[0]))
    else:
        trace = g.trace(place, "A series of blocks.", (x,), lambda v: _series(g, layer, v[0]))
    trace.title = ", ".join(title(ref.name) for ref in layer)
    return trace


def _check_kept(g: Builder, layer: Sequence[Ref], trace: Trace) -> None:
    """A layer gives the shape that it is given, or the spec is refused."""
    (x,), result = trace.inputs, trace.results[0]
    if result.space != x.space or not g.same_widths(result, x):
        name = layer[-1].name
        message = f"layer `{name}` makes {g.shape(result)} of {g.shape(x)}, and a stack repeats it"
        came = [Label(g.spec.blocks.span_of(name), "the layer is declared here")]
        help = [f"run it once, outside the stack: `{name}`"]
        raise g.refuse(CHANGED_SHAPE, message, layer[-1].span, came=came, help=help)


def _series(g: Builder, layer: Sequence[Ref], x: Tensor) -> Tensor:
    for ref in layer:
        x = g.run_block(ref, x)
    return x


def residual_block(g: Builder, block: BlockDecl, x: Tensor) -> Tensor:
    """Branch after branch, each added to what it reads."""
    defaults = Defaults(block.norm, block.residual, block.bias)
    with g.using(defaults=defaults, prefix="", output=None):
        trace, first = current(), len(current().body)
        for branch in block.do:
            x = run_branch(g, branch, x)
        drop_unread(trace, first, x)
    return x


def run_branch(g: Builder, branch: Pipeline, x: Tensor) -> Tensor:
    """One branch; a mistake in it is reported, and the next branch reads the value unchanged."""
    if isinstance(branch, Par):
        return _parallel(g, branch, x)
    try:
        return _added(g, branch, x, x)
    except Stop:
        g.stopped()
        return x


def _parallel(g: Builder, par: Par, entry: Tensor) -> Tensor:
    x = entry
    for branch in par.branches:
        try:
            x = _added(g, branch, entry, x)
        except Stop:
            g.stopped()
    return x


def _added(g: Builder, branch: Pipeline, entry: Tensor, total: Tensor) -> Tensor:
    """The branch of `entry`, by the residual rule, added to `total`."""
    first = items(branch)[0]
    own = first if isinstance(first, Attend | Ffn) else None
    norm = own.norm if own is not None and own.norm is not None else g.defaults.norm
    rule = own.residual if own is not None and own.residual is not None else g.defaults.residual
    only = own.only if own is not None else None
    read, base = _part(g, entry, only, own), _part(g, total, only, own)
    g.one_width(read, "a branch", last_place(branch))
    share = own.share if own is not None else None
    value = _normed(g, norm, "pre", read, share)
    with g.using(whole=entry, branch=own):
        value = g.run(branch, value)
    if value.unknown:
        raise Stop
    value = _normed(g, norm, "out", value, share)
    value = _joined(g, rule, base, value, branch, only is not None)
    value = _normed(g, norm, "post", value, share)
    return value if only is None else _put_back(g, total, str(only), value)


def _normed(
    g: Builder, norm: Normalisation | None, place: NormPlace, x: Tensor, share: Share | None
) -> Tensor:
    """A branch's norm, if it has one at this place; its weights are of the branch's share."""
    if not isinstance(norm, NormKnobs) or place not in norm.at:
        return x
    if share is None:
        return norm.normalise(g, x, "norm")
    if norm.modulate is not None:
        raise g.not_yet("`modulate` on a shared branch", norm.key_span("modulate"))
    op = norm.op(g, x)
    specs = op.weights(x)
    return op(x, group=g.norm_group(share, place, specs) if specs else None)


def _joined(
    g: Builder, rule: ResidualKnobs | None, x: Tensor, f: Tensor, branch: Pipeline, partial: bool
) -> Tensor:
    """skip·x + gate · layerscale · scale · f; what replaces only a part must fit it too.

    A branch that reads another value may have batch axes that x lacks: x is repeated along them.
    """
    if rule is not None:
        f = _scaled(g, rule, f)
        if not rule.keeps_input and not partial:
            return f
        if rule.skip is not None and rule.keeps_input:
            x = scaled(g, rule.skip, x)
    batch = joint(f, x)
    if batch is not None and not all(broadcasts(y, batch) for y in (f, x)):
        f, x = (repeated(y, batch) for y in (f, x))
    alike = batch is not None and g.same_tokens(f.space, x.space)
    if not alike or not g.same(f.width, x.width):
        message = f"this branch makes {g.shape(f)}, and cannot be added to {g.shape(x)}"
        help = "do it in a step of its own, outside the block, where nothing is added"
        help = f"end the branch with `linear: {x.width.ascii()}`" if alike else help
        raise g.refuse(UNEQUAL_RESIDUAL, message, last_place(branch), help=[help])
    return f if rule is not None and not rule.keeps_input else Add()(x, f)


def _scaled(g: Builder, rule: ResidualKnobs, f: Tensor) -> Tensor:
    if rule.scale is not None:
        f = scaled(g, rule.scale, f)
    if rule.layerscale is not None:
        start = g.rate(rule.layerscale, f)
        f = Learned("multiply", "feature", start, "layerscale")(f, name="layerscale")
    if rule.gate is not None:
        f = _gated(g, rule.gate, f)
    return branch_dropped(g, rule.drop_path, f)


def _gated(g: Builder, gate: Gate, f: Tensor) -> Tensor:
    if gate.source is None:
        return Learned("tanh", "all", 0.0, "gate")(f, name="gate")
    if gate.kind is not None:
        message = "a gate is either tanh of a learned number or from a value"
        help = ["a `tanh` at the end of `from` bounds what the gate reads"]
        raise g.refuse(TWO_GATES, message, gate.span_of("kind"), help=help)
    return gated(g, gate.source, f)


def _part(g: Builder, x: Tensor, only: object, own: Layer | None) -> Tensor:
    if only is None or own is None:
        return x
    return cut(g, x, [g.part(x, str(only), own.span_of("only"))])


def _put_back(g: Builder, total: Tensor, name: str, value: Tensor) -> Tensor:
    """The value with one part replaced."""
    parts = total.space.parts
    if len(parts) == 1:
        return value
    total = repeated(total, value.space.batch)
    pieces = [value if part.name == name else cut(g, total, [part]) for part in parts]
    return Concat(total.space, total.widths)(*pieces)


def describe(block: BlockDecl) -> str:
    """What a reader of the module is told: where its norms are, and its branches in order."""
    places = "+".join(block.norm.at) if block.norm is not None else ""
    kind = {"pre": "Pre-norm block", "post": "Post-norm block"}.get(places, "Block")
    words = [_word(branch) for branch in block.do]
    return f"{kind}: {', then '.join(words)}."


def _word(branch: Pipeline) -> str:
    first = items(branch)[0]
    if isinstance(first, Attend):
        return "attention to another value" if first.to is not None else "self-attention"
    if isinstance(first, Ffn):
        return "feed-forward"
    if isinstance(first, Layer) and not isinstance(first, Par):
        return {"sum": "a sum of branches"}.get(first.step, first.step)
    return "branches in parallel" if isinstance(first, Par) else "a series"
