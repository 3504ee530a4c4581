"""Experts in code: rows in the order of their experts, and products group by group."""

from __future__ import annotations

from tfspec.program import expr as ex
from tfspec.program.kernels import GATHER, PRODUCT
from tfspec.program.lowering import Lowering
from tfspec.program.saves import NO_GRADIENT, Keep, Made, Saves, saves
from tfspec.program.value import Value, cut
from tfspec.symbolic import Dim, product

SPLIT = '''def grouped_linear(rows, weight, counts):
    """Sorted rows, each through its expert's matrix: [R, d], [E, f, d] → [R, f]."""
    parts = zip(rows.split(counts), weight, strict=True)
    return torch.cat([F.linear(x, w) for x, w in parts])
'''
# torch 2.13 compiles the kernel for bfloat16 alone, and has none for float64; autocast casts
# neither for it nor for an assignment to rows, so types may differ
KERNEL = '''def grouped_linear(rows, weight, ends):
    """Sorted rows, each through its expert's matrix: [R, d], [E, f, d] → [R, f].

    `ends` says where each expert's rows end. The grouped kernel is for bfloat16; other
    types wait for the counts, and multiply one expert's rows after another's.
    """
    if rows.dtype == weight.dtype == torch.bfloat16:
        return F.grouped_mm(rows, weight.mT, offs=ends)
    counts = ends.diff(prepend=ends.new_zeros(1)).tolist()
    parts = zip(rows.split(counts), weight, strict=True)
    return torch.cat([F.linear(x, w) for x, w in parts])
'''
EACH = '''def expert_linear(x, experts, weight):
    """Each row through its expert's matrix: [..., d], [...], [E, f, d] → [..., f]."""
    y = x.new_zeros(*x.shape[:-1], weight.shape[1])
    for expert, matrix in enumerate(weight):
        chosen = experts == expert
        y[chosen] = F.linear(x[chosen], matrix).to(y.dtype)
    return y
'''
ALIGNED = 8  # the grouped kernel reads rows of whole 16 bytes


def order(low: Lowering, experts: Value) -> Value:
    """Where the rows stand in the order of their experts: [..., K] -> [R], R = rows · K."""

    def build() -> Value:
        call = ex.Call(ex.Attribute(_flat(experts), "argsort"), (), (("stable", ex.TRUE),))
        return low.method.emit(call, (product(experts.shape),), "int64", NO_GRADIENT)

    return low.local(("order", experts), "order", build)


def owners(low: Lowering, experts: Value) -> Value:
    """The expert of each row, in the order of experts: [R]."""

    def build() -> Value:
        at = order(low, experts)
        return low.method.emit(ex.Index(_flat(experts), (at.ref,)), at.shape, "int64", NO_GRADIENT)

    return low.local(("owners", experts), "owners", build)


def sort(low: Lowering, x: Value, experts: Value) -> Value:
    """Each token's row once for each of its experts, in their order: [..., d] -> [R, d]."""
    at, chosen = order(low, experts), experts.shape[-1]
    if not low.is_one(chosen):
        expr = ex.Binary("//", at.ref, low.number(chosen, "top_k"))
        at = at.pointwise(expr, NO_GRADIENT)
    tokens = x.flatten(0, -2) if len(x.shape) > 2 else x.lead(2 - len(x.shape))
    return tokens.gather_rows(at).named("rows")


def unsort(low: Lowering, rows: Value, experts: Value) -> Value:
    """Rows back at their tokens: [R, d] -> [..., K, d]."""
    back = ex.Call(ex.Attribute(order(low, experts).ref, "argsort"))
    width, places = rows.shape[-1], product(experts.shape)
    kept = saves(Made("places of rows", places, "int64"))
    expr = ex.Index(rows.ref, (back,))
    placed = rows.fresh(expr, (places, width), kept, kernel=GATHER)
    sizes = ex.Attribute(experts.ref, "shape")
    expr = ex.Call(ex.Attribute(placed.ref, "unflatten"), (ex.Name("0"), sizes))
    shape = (*experts.shape, width)
    return placed.view(expr, shape, cut(placed.strides, 0, experts.shape)).named("rows")


def grouped(low: Lowering, rows: Value, experts: Value, weight: Value) -> Value:
    """Sorted rows [R, d] through the matrices [E, f, d] of their experts: [R, f]."""
    count, width = weight.shape[0], weight.shape[1]
    shape = (rows.shape[0], width)
    aligned = all((low.fixed(size) or 1) % ALIGNED == 0 for size in (rows.shape[-1], width))
    if low.target.kind == "cuda" and aligned:
        ends = _ends(low, experts, count)
        function, kept = low.helper("grouped_linear", KERNEL), _kept(low, rows, weight, ends)
        call = ex.Call(function, (rows.ref, weight.ref, ends.ref))
        return rows.fresh(call, shape, kept, kernel=PRODUCT)
    counts = _counts(low, experts, count)
    function, kept = low.helper("grouped_linear", SPLIT), _kept(low, rows, weight)
    call = ex.Call(function, (rows.ref, weight.ref, counts.ref))
    return rows.fresh(call, shape, kept, kernel=PRODUCT)


def one_by_one(low: Lowering, rows: Value, experts: Value, weight: Value) -> Value:
    """Rows [..., K, d] through their experts' matrices, expert by expert: [..., K, f]."""
    count, width = weight.shape[0], weight.shape[1]
    kept = saves(
        Made("rows of each expert", product(rows.shape), when=(weight,)),
        Made("which rows", count * product(experts.shape), "bool"),
    )
    call = ex.Call(low.helper("expert_linear", EACH), (rows.ref, experts.ref, weight.ref))
    return rows.fresh(call, (*rows.shape[:-1], width), kept, kernel=PRODUCT)


def _kept(low: Lowering, rows: Value, weight: Value, *ends: Value) -> Saves:
    """What a product keeps: its operands, and for the grouped kernel where rows end."""
    offsets = ends if low.program.dtype == "bf16" else ()
    return saves(Keep(rows, (weight,)), Keep(weight, (rows,)), *map(Keep, offsets))


def _counts(low: Lowering, experts: Value, count: Dim) -> Value:
    """How many rows each expert has: a list of Python's, by which rows are split."""

    def build() -> Value:
        numbers = ex.Call(ex.Attribute(_tally(low, experts, count), "tolist"))
        return low.method.emit(numbers, (), "state", NO_GRADIENT)

    return low.local(("counts", experts), "counts", build)


def _ends(low: Lowering, experts: Value, count: Dim) -> Value:
    """Where the rows of each expert end: [E] int32."""

    def build() -> Value:
        dtype = ("dtype", ex.Name("torch.int32"))
        sums = ex.Attribute(_tally(low, experts, count), "cumsum")
        return low.method.emit(
            ex.Call(sums, (ex.Name("0"),), (dtype,)), (count,), "int32", NO_GRADIENT
        )

    return low.local(("ends", experts), "ends", build)


def _tally(low: Lowering, experts: Value, count: Dim) -> ex.Expr:
    hot = ex.Call(ex.Name("F.one_hot"), (_flat(experts), low.number(count, "experts")))
    return ex.Call(ex.Attribute(hot, "sum"), (ex.Name("0"),))


def _flat(experts: Value) -> ex.Expr:
    return ex.Call(ex.Attribute(experts.ref, "flatten"))


def weighted(rows: Value, weights: Value) -> Value:
    """The sum of the chosen experts' rows: [..., K, d], [..., K] -> [..., d]."""
    last = ex.Index(weights.ref, (ex.Name("..."), ex.NONE))
    one = Dim.of(1)
    column = weights.view(last, (*weights.shape, one), (*weights.strides, one))
    return (rows * column).reduce("sum", len(rows.shape) - 2)


def repeated(low: Lowering, x: Value, chosen: Dim) -> Value:
    """Each token's row once for each of its experts, without a copy: [..., d] -> [..., K, d]."""
    one = Dim.of(1)
    index = ex.Index(x.ref, (ex.Name("..."), ex.NONE, ex.COLON))
    row = x.view(index, (*x.shape[:-1], one, x.shape[-1]), (*x.strides[:-1], one, x.strides[-1]))
    whole: ex.Expr = ex.Name("-1")
    *lead, _, width = [(whole, size) for size in row.shape]
    return row.expand([*lead, (low.number(chosen, "top_k"), chosen), width]).named("rows")
