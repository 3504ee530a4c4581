"""Attention in windows: a grid cut into exact tiles, attention inside each, and the grid again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfspec.graph.look import Knob, Look, between, chip
from tfspec.graph.rates import Rate
from tfspec.graph.tensor import Tensor, over
from tfspec.graph.trace import Node
from tfspec.graph.window import Windows
from tfspec.ops.attention import Mix, Scores, Softmax, Unlearned, capped, kernel_options
from tfspec.ops.bias import AddBias
from tfspec.ops.pointwise import Dropout, Softcap
from tfspec.ops.tokens import Rearrangement
from tfspec.program import expr as ex
from tfspec.program import windows as helpers
from tfspec.program.kernels import POINTWISE, Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.saves import LINEAR, NO_GRADIENT
from tfspec.program.sdpa import Attention, flash
from tfspec.program.value import Value, cut, in_order
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class ToWindows(Rearrangement):
    """Tokens by window: [..., N, d] -> [..., windows, tokens, d]; rolled back by a shift first.

    Source: Liu et al. 2021, section 3.2.
    """

    windows: Windows

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.windows.inside, inputs[0].axes[-1])

    def label(self) -> str:
        return "to windows"

    @property
    def called(self) -> str:
        return "`window`"

    def look(self, *inputs: Tensor) -> Look:
        return chip("to windows")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        source = helpers.to_windows(*_form(self.windows), shifts=_any_shift(low))
        return _moved(low, self.windows, low.helper("to_windows", source), node, inputs[0])


@dataclass(frozen=True)
class FromWindows(Rearrangement):
    """Windows as the grid that they were cut from: [..., windows, tokens, d] -> [..., N, d]."""

    windows: Windows

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.windows.space, inputs[0].axes[-1])

    def label(self) -> str:
        return "from windows"

    @property
    def called(self) -> str:
        return "`window`"

    def look(self, *inputs: Tensor) -> Look:
        return chip("from windows")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        source = helpers.from_windows(*_form(self.windows), shifts=_any_shift(low))
        return _moved(low, self.windows, low.helper("from_windows", source), node, inputs[0])


@dataclass(frozen=True)
class AttendWindows(Unlearned):
    """softmax(q kᵀ · scale + bias) v inside each window; a shift's seam is no way to see across.

    q [..., n, h, t, k], k [..., n, g, t, k], v [..., n, g, t, w] for n windows of t tokens, and
    maybe a bias of the scores [h, t, t] -> [..., n, h, t, w].
    """

    windows: Windows
    scale: Rate | None = None
    softcap: Rate | None = None
    dropout: Rate = 0.0

    def infer(self, *inputs: Tensor) -> Tensor:
        q, _, v, *_ = inputs
        return Tensor((*q.axes[:-1], v.axes[-1]), q.space)

    def define(self, *inputs: Tensor) -> Tensor:
        q, k, v, *biases = inputs
        scores = Scores(self.scale)(q, k)
        scores = Softcap(self.softcap)(scores) if self.softcap else scores
        for bias in biases:
            scores = AddBias()(scores, bias)
        scores = HideSeam(self.windows)(scores) if self.windows.shifted else scores
        weights = Softmax(None)(scores)
        weights = Dropout(self.dropout)(weights) if self.dropout else weights
        return Mix()(weights, v)

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        raise NotImplementedError("a composite costs what its definition costs")

    @property
    def needs_exactly(self) -> bool:
        return not self.windows.shifted  # a seam hides pairs that are counted as seen

    def label(self) -> str:
        return "attend in windows"

    def look(self, *inputs: Tensor) -> Look:
        where: Knob = ("in windows of ", *between(" × ", self.windows.tile))
        return Look("Attention", "attention", (where, *capped(self.softcap)))

    def takes_as_they_lie(self, low: Lowering, node: Node) -> bool:
        """A shift's windows join the heads, which copies what does not lie in order."""
        q, _, v, *biases = node.inputs
        plain = low.style == "fast" and not self.softcap and not self.windows.shifted
        heads = q.shape[-4:], v.shape[-4:]
        return plain and flash(low, *heads, learned=bool(biases), dropout=bool(self.dropout))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        q, k, v, *biases = inputs
        if low.style == "explicit" or self.softcap:
            return low.expand(node, inputs)
        scores = self._scores(low, biases[0] if biases else None)
        options = kernel_options(low, self.scale, self.dropout, q, k)
        lead = len(q.shape) - 4
        source = _attend(lead, self.windows.shifted, scores is not None, bool(options))
        function = low.helper(
            "attend_shifted" if self.windows.shifted else "attend_windows", source
        )
        args = tuple(value.ref for value in (q, k, v, *([scores] if scores else [])))
        shape = (*q.shape[:-1], v.shape[-1])
        first = lead if self.windows.shifted else 0  # of the axes that the helper joins
        last = lead + 1 if self.windows.shifted else lead
        mask = None if scores is None else self._given(scores, q)
        given, (q, k, v) = (q, k, v), (x.merged(first, last) for x in (q, k, v))
        read = (*given, *([] if scores is None else [scores]))
        kernel = Attention(low, q, k, v, mask, low.drops(self.dropout), read)
        copied = [x for x, y in zip((q, k, v), given, strict=True) if x.storage is not y.storage]
        runs = kernel.runs.after([product(x.shape) for x in copied])
        strides = cut(kernel.strides, first, shape[first : last + 1])
        expr = ex.Call(function, args, options)
        return low.method.emit(expr, shape, "float", kernel.saves, strides=strides, kernel=runs)

    def _given(self, scores: Value, q: Value) -> Value:
        """What the kernel gets of scores or of a mask: [1, heads or heads of all windows, t, t]."""
        one = Dim.of(1)
        if self.windows.shifted:
            shape = (scores.shape[0], q.shape[-3], *scores.shape[2:])
            heads = scores.strides[1] if scores.shape[1] == q.shape[-3] else Dim.of(0)
            strides = (scores.strides[0], heads, *scores.strides[2:])
            scores = replace(scores, shape=shape, strides=strides).merged(0, 1)
        return replace(scores, shape=(one, *scores.shape), strides=(one, *scores.strides))

    def _scores(self, low: Lowering, bias: Value | None) -> Value | None:
        """What the kernel adds to scores, or which pairs it allows."""
        if not self.windows.shifted:
            return bias
        mask = seam_mask(low, self.windows)
        if bias is None:
            return mask
        return bias.masked_fill(~mask, ex.Name('float("-inf")')).named("scores")


@dataclass(frozen=True)
class HideSeam(Unlearned):
    """Scores with -inf where the roll brought a pair together: [..., n, h, t, t]."""

    windows: Windows

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space, role="scores")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a choice of numbers

    def label(self) -> str:
        return "hide the seam"

    def look(self, *inputs: Tensor) -> Look:
        return chip("hide the seam")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        mask = seam_mask(low, self.windows)
        return inputs[0].masked_fill(~mask, ex.Name('float("-inf")')).named("scores")


ATTEND = '''def attend_windows(q, k, v{scores}{more}):
    """Attention inside each window: [{lead}windows, h, tokens, k], which joins the batch."""
    windows = q.shape[:{count}]
    q, k, v = (t.flatten(0, {last}) for t in (q, k, v))
    x = F.scaled_dot_product_attention(q, k, v{given}{options})
    return x.unflatten(0, windows)
'''
ATTEND_SHIFTED = '''def attend_shifted(q, k, v, scores{more}):
    """Attention inside each window: [{lead}windows, h, tokens, k] → the same. Windows join the
    heads, so that one table of scores [windows, h or 1, tokens, tokens] serves every sample.
    """
    windows, heads = q.shape[{last}:{count}]
    q, k, v = (t.flatten({last}, {inner}) for t in (q, k, v))
    scores = scores.expand(-1, heads, -1, -1).flatten(0, 1)
    x = F.scaled_dot_product_attention(q, k, v, scores[None]{options})
    return x.unflatten({last}, (windows, heads))
'''


def _attend(lead: int, shifted: bool, scored: bool, optioned: bool) -> str:
    """The helper that runs the kernel, which is fastest on four axes."""
    words = {
        "lead": "B, " if lead == 1 else "..., ",
        "more": ", **options" if optioned else "",
        "options": ", **options" if optioned else "",
        "last": lead,
    }
    if shifted:
        return ATTEND_SHIFTED.format(count=lead + 2, inner=lead + 1, **words)
    scores, given = (", scores", ", scores[None]") if scored else ("", "")
    return ATTEND.format(scores=scores, given=given, count=lead + 1, **words)


def _form(windows: Windows) -> tuple[int, int]:
    """How many axes a grid has, and how many batch axes stand before it."""
    return len(windows.grid), len(windows.space.batch)


def _any_shift(low: Lowering) -> bool:
    """Whether any window of the model is shifted, so that the helpers know how."""
    ops = (node.op for node in low.graph.trace.nodes())
    return any(isinstance(op, ToWindows) and op.windows.shifted for op in ops)


def _moved(low: Lowering, windows: Windows, function: ex.Name, node: Node, x: Value) -> Value:
    args = [x.ref, _grid(low, windows), _tile(low, windows)]
    if windows.shifted:
        args.append(_shift(low, windows))
    expr, shape = ex.Call(function, tuple(args)), node.outputs[0].shape
    steps = None if _rolls(low, windows) else _in_place(windows, x, len(shape) > len(x.shape))
    if steps is None:
        rolled = Kernel("pointwise", hidden=2 * product(shape), launches=2)
        kernel = rolled if _rolls(low, windows) else POINTWISE
        return x.fresh(expr, shape, LINEAR, kernel=kernel)
    # windows that lie in the grid as they are: nothing is copied
    lead, token = x.strides[: len(windows.space.batch)], x.strides[-2]
    return x.view(expr, shape, (*lead, *(token * step for step in steps), x.strides[-1]))


def _rolls(low: Lowering, windows: Windows) -> bool:
    """Whether the grid is rolled: not where one window covers it, which may depend on sizes."""
    axes = zip(windows.grid, windows.tile, windows.shift, strict=True)
    return any(step and not (windows.loose and low.same(n, w)) for n, w, step in axes)


def _in_place(windows: Windows, x: Value, into: bool) -> tuple[Dim, ...] | None:
    """How far windows and tokens (or back: tokens) stand apart, in tokens, if nothing is copied."""
    counts = [size.exact_div(tile) for size, tile in zip(windows.grid, windows.tile, strict=True)]
    if into:
        rows = in_order(windows.grid)
        tiles = zip(counts, rows, windows.tile, strict=True)
        blocks = [(n, step * tile) for n, step, tile in tiles]
        inner = list(zip(windows.tile, rows, strict=True))
        both = x.mergeable(blocks) and x.mergeable(inner)
        return (x.innermost(blocks), x.innermost(inner)) if both else None
    low, tokens = x.method.low, x.shape[-2]
    outer = zip(counts, in_order([*counts, tokens]), strict=False)
    inner = zip(windows.tile, in_order(windows.tile), strict=True)
    pairs = [axis for pair in zip(outer, inner, strict=True) for axis in pair]
    whole = low.same(x.strides[-3], x.strides[-2] * tokens) or low.is_one(windows.count)
    return (x.innermost(pairs),) if whole and x.mergeable(pairs) else None


def seam_mask(low: Lowering, windows: Windows) -> Value:
    """True for pairs on one side of the seam, made once a forward: [n, 1, t, t]."""

    def build() -> Value:
        _, lead = _form(windows)
        cut = low.helper("to_windows", helpers.to_windows(*_form(windows), shifts=True))
        function = low.helper("shift_mask", helpers.shift_mask(lead, cut.name))
        sizes = (_grid(low, windows), _tile(low, windows), _shift(low, windows))
        expr = ex.Call(function, sizes, (("device", low.device()),))
        tokens = windows.tokens
        shape = (windows.count, Dim.of(1), tokens, tokens)
        return low.method.emit(expr, shape, "bool", NO_GRADIENT)

    key = ("seam", windows.grid, windows.tile, windows.shift, len(windows.space.batch))
    return low.hoist(key, "mask", build)


def _grid(low: Lowering, windows: Windows) -> ex.Expr:
    """The grid's extents: a tuple of the root, which all modules that cut it are given."""

    def build() -> Value:
        sizes = tuple(low.number(size, "size") for size in windows.grid)
        return low.method.emit(ex.Tuple(sizes), (), "state", NO_GRADIENT)

    return low.hoist(("grid", windows.grid), "grid", build).ref


def _tile(low: Lowering, windows: Windows) -> ex.Expr:
    return ex.Tuple(tuple(low.number(size, "window") for size in windows.tile))


def _shift(low: Lowering, windows: Windows) -> ex.Expr:
    """The shift along each axis, as numbers where all sizes are known, else as the root says."""
    steps = ex.Tuple(tuple(ex.Number(step, "shift") for step in windows.shift))
    if all(low.fixed(size) is not None for size in windows.grid):
        return steps

    def build() -> Value:
        if not windows.loose:
            return low.method.emit(steps, (), "state", NO_GRADIENT)
        function = low.helper("window_shift", helpers.WINDOW_SHIFT)
        call = ex.Call(function, (_grid(low, windows), _tile(low, windows), steps))
        return low.method.emit(call, (), "state", NO_GRADIENT)

    key = ("shift", windows.shift, windows.loose and windows.grid, windows.tile)
    return low.hoist(key, "shift", build).ref
