"""How weights start: the spec's `init` as code; torch's own way where the spec is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.program import expr as ex
from tfspec.program import starting_zeros
from tfspec.program.layout import WIDTH
from tfspec.program.rates import number
from tfspec.program.refusal import NotYet
from tfspec.program.starting_zeros import at_zero, makes
from tfspec.spec.expression import Name, Negative, Number, RateExpr, Tree

if TYPE_CHECKING:
    from tfspec.graph.graph import Graph
    from tfspec.graph.rates import Rate
    from tfspec.graph.scope import Weight
    from tfspec.program.program import Member, Program

TABLE_STD = (
    "0.02"  # of learned tokens and positions where the spec says nothing (Radford et al. 2019)
)

EVEN = "module.weight[0].numel() ** -0.5"
"""The number of inputs to the power of -0.5, of the module that is being started."""


def bare(graph: Graph, start: str | Rate, empty: ex.Call) -> ex.Expr:
    """A bare parameter's first value: a constant, or a table drawn as the spec says."""
    sizes = empty.args
    if start == "bias table" and not _draws_tables(graph):
        return ex.Call(ex.Name("torch.zeros"), sizes)
    if isinstance(start, str):
        return _drawn(graph, empty)
    shape = sizes or (ex.Tuple(()),)
    if start in (0.0, 1.0):
        return ex.Call(ex.Name("torch.zeros" if start == 0 else "torch.ones"), shape)
    whole = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], ex.Tuple) else ex.Tuple(sizes)
    return ex.Call(ex.Name("torch.full"), (whole, number(start, "start")))


def _draws_tables(graph: Graph) -> bool:
    """Whether the spec says how tables start, and not as torch does."""
    init = graph.spec.init
    given = init is not None and (init.kind != "torch" or init.std or init.embed)
    return bool(given)


def _drawn(graph: Graph, empty: ex.Call) -> ex.Expr:
    function, options = draw(graph, table=True)
    named = tuple((key, ex.Name(text)) for key, text in options)
    return ex.Call(ex.Name(f"nn.init.{function}"), (empty,), named)


def draw(
    graph: Graph, *, table: bool, factor: str = "", even: str = EVEN
) -> tuple[str, list[tuple[str, str]]]:
    """torch's function and its keywords for a table or a matrix; `even` is what keeps the
    deviation of one input's numbers."""
    init = graph.spec.init
    kind = "normal" if init is None or init.kind == "torch" else init.kind
    if kind == "xavier" and not table:
        return "xavier_uniform_", []
    std = (
        _by_fan_in(graph, even) if kind == "fan_in" and not table else _std(graph, table)
    ) + factor
    if kind != "truncated":
        return "normal_", [("std", std)]
    value = _value(graph, table) * (1 if not factor else _residual(graph))
    return "trunc_normal_", [("std", std), ("a", f"{-2 * value:g}"), ("b", f"{2 * value:g}")]


def _by_fan_in(graph: Graph, even: str) -> str:
    """The deviation of a matrix by how many inputs each output has (LeCun et al. 1998, 4.6)."""
    init = graph.spec.init
    std = None if init is None else init.std
    return even if std is None else f"{rate_text(graph, std)} * {even}"


def _rate(graph: Graph, table: bool) -> RateExpr | None:
    init = graph.spec.init
    if init is None or not table:
        return None if init is None else init.std
    return init.embed if init.kind == "fan_in" else init.embed or init.std


def _std(graph: Graph, table: bool) -> str:
    rate = _rate(graph, table)
    return TABLE_STD if rate is None else rate_text(graph, rate)


def _value(graph: Graph, table: bool) -> float:
    rate = _rate(graph, table)
    return float(TABLE_STD) if rate is None else rate.real(_numbers(graph))


def _residual(graph: Graph) -> float:
    init = graph.spec.init
    return 1.0 if init is None or init.residual is None else init.residual.real(_numbers(graph))


def _numbers(graph: Graph) -> dict[str, float]:
    """The fixed dims, and n: the number of layers in all stacks."""
    values = {name: graph.facts.value(size) for name, size in graph.dims.items()}
    return {n: float(v) for n, v in values.items() if v is not None} | {"n": float(graph.layers)}


def rate_text(graph: Graph, rate: RateExpr) -> str:
    """A rate with its sizes put in: `(2 * 12) ** -0.5`."""
    return _text(rate.tree, _numbers(graph)).text(ex.PLAIN)[0]


def _text(tree: Tree, numbers: dict[str, float]) -> ex.Expr:
    match tree:
        case Number(value):
            return ex.Name(repr(value))
        case Name(name):
            return ex.Name(repr(int(numbers[name])))
        case Negative(inner):
            return ex.Unary("-", _text(inner, numbers))
        case _:
            left, right = _text(tree.left, numbers), _text(tree.right, numbers)
            return ex.Binary(tree.sign, left, right)


_START = '''@torch.no_grad()
def init_weights(model):
    """{doc}"""
    for {each}:
{body}
'''


def function(program: Program) -> str | None:
    """The emitted function that starts every module's weights, if the spec has an `init`."""
    graph = program.graph
    init = graph.spec.init
    if init is None:
        return None
    lines = _linears(program)
    drawn = init.kind != "torch" or init.embed is not None or init.std is not None
    if drawn and any(makes(member, "nn.Embedding") for member in _members(program)):
        lines += [
            "if isinstance(module, nn.Embedding):",
            f"    {_call(graph, 'module.weight', table=True)}",
        ]
    lines += starting_zeros.lines(program)
    body = "\n".join(piece for line in lines for piece in _fitted(f"        {line}"))
    named = "name." in body
    each = "name, module in model.named_modules()" if named else "module in model.modules()"
    return _START.format(doc=_doc(program), each=each, body=body) if lines else None


def _fitted(line: str) -> list[str]:
    """A call that is too long for its line, broken as formatters break it."""
    if len(line) <= WIDTH or not line.endswith(")"):
        return [line]
    pad = line[: len(line) - len(line.lstrip())]
    name, _, arguments = line[:-1].partition("(")
    inside = [arguments]
    if len(pad) + 4 + len(arguments) > WIDTH:
        inside = [f"{argument}," for argument in arguments.split(", ")]
    return [f"{name}(", *(f"{pad}    {line}" for line in inside), f"{pad})"]


def _linears(program: Program) -> list[str]:
    graph = program.graph
    init = graph.spec.init
    assert init is not None
    kinds = [k for k in ("nn.Linear", "nn.Conv1d", "nn.Conv2d", "nn.Conv3d") if _any(program, k)]
    if not kinds:
        return []
    test = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
    inside = [] if init.kind == "torch" else _matrix(program)
    if init.bias == "zeros" and any("bias" in m.holds for m in _members(program)):
        inside += ["if module.bias is not None:", "    nn.init.zeros_(module.bias)"]
    return (
        [f"if isinstance(module, {test}):", *(f"    {line}" for line in inside)] if inside else []
    )


def _matrix(program: Program) -> list[str]:
    """The lines that draw one module's matrix: fused ones part by part where it matters."""
    graph = program.graph
    init = graph.spec.init
    assert init is not None
    if init.kind == "xavier":
        fused = [m for m in _members(program) if _fused(m) and not at_zero(m)]
        if fused:
            return _xavier(graph, fused)
    plain = _call(graph, "module.weight", table=False)
    if init.residual is None:
        return [plain]
    ends = sorted({m.name for m in _members(program) if _ends(m)})
    if not ends:
        return [plain]
    # with the dot, for a map at the root may be called `out` too, and ends no branch
    names = ", ".join(f'".{name}"' for name in ends)
    scaled = _call(
        graph, "module.weight", table=False, factor=f" * {rate_text(graph, init.residual)}"
    )
    return [
        f"if name.endswith(({names}{',' if len(ends) == 1 else ''})):",
        f"    {scaled}",
        "else:",
        f"    {plain}",
    ]


def _xavier(graph: Graph, fused: list[Member]) -> list[str]:
    """Each map of a joined matrix by its own fan-out: in equal chunks, or by its own rows."""
    rows = {(m.name, tuple(_rows(graph, weight) for weight in m.holds["weight"])) for m in fused}
    even = all(len(set(sizes)) == 1 for _, sizes in rows)
    parts = {name: len(sizes) if even else sizes for name, sizes in sorted(rows)}
    if not even and len(parts) < len(rows):
        raise _unlike(graph)
    listed = ", ".join(f'"{name}": {part}' for name, part in parts.items())
    other, cut = ("1", "chunk") if even else ("module.weight.shape[0]", "split")
    return [
        f"parts = {{{listed}}}",
        f'part = parts.get(name.split(".")[-1], {other})',
        f"for matrix in module.weight.{cut}(part):",
        "    nn.init.xavier_uniform_(matrix)",
    ]


def _unlike(graph: Graph) -> NotYet:
    message = "`kind: xavier` of attentions with several numbers of `kv_heads` is not supported yet"
    init = graph.spec.init
    assert init is not None
    way = "in the explicit style q, k and v are maps of their own: build with `--style explicit`"
    return NotYet.of(message, Label(init.key_span("kind")), way)


def _rows(graph: Graph, weight: Weight) -> int:
    rows = graph.facts.value(weight.shape[0])
    assert rows is not None, f"{weight.path} has no fixed size"
    return rows


def _call(graph: Graph, target: str, *, table: bool, factor: str = "") -> str:
    function_, options = draw(graph, table=table, factor=factor)
    words = "".join(f", {key}={text}" for key, text in options)
    return f"nn.init.{function_}({target}{words})"


def _doc(program: Program) -> str:
    init = program.graph.spec.init
    assert init is not None
    words = {
        "torch": "Torch's own",
        "normal": "Normal",
        "truncated": "Truncated normal",
        "xavier": "Xavier uniform",
        "fan_in": "Fan-in normal",
    }
    ends = "; the ends of residual branches smaller" if init.residual is not None else ""
    gone = f"; {starting_zeros.listed(init.zeros)} at 0" if init.zeros else ""
    zero = "; zero biases" if init.bias == "zeros" else ""
    return f"{words.get(init.kind, init.kind)} matrices{ends}{zero}{gone}."


def _members(program: Program) -> list[Member]:
    return [member for members in program.members.values() for member in members.values()]


def _any(program: Program, module: str) -> bool:
    return any(makes(member, module) for member in _members(program))


def _fused(member: Member) -> bool:
    return len(member.holds.get("weight", ())) > 1


def _ends(member: Member) -> bool:
    return any(w.spec.init == "residual" for weights in member.holds.values() for w in weights)
