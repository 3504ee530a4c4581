"""What `--with generate` adds: a greedy continuation of one text, and how a file runs it."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.code_names import safe
from tfspec.program.expr import PLAIN
from tfspec.program.program import Mode, Program
from tfspec.program.slots import slots_text
from tfspec.symbolic import Dim, sym
from tfspec.symbolic.claims import Proved

GENERATE = '''@torch.inference_mode()
{head}
    """Greedy continuation: [B, {n}] -> [B, {n} + steps]. `prefill` and `decode` are the
    model's, compiled or not; a cache may be used again for the next prompt.
    """
    if tokens.shape[1] + steps > {slots}:
        raise ValueError(f"the cache has room for {{{slots}}} tokens")
    position = torch.tensor([tokens.shape[1]], device=tokens.device)
{prefill}
{flags}    out = [tokens, token]
    for _ in range(steps - 1):
{decode}
        position = position + 1
        out.append(token)
    return torch.cat(out, dim=1)
'''
CONTINUED = '''def continued(flags, slots):
    """Flags [B, T, ...] of a prompt for all slots [B, S, ...]: as its last token has them."""
    if flags is None:
        return None
    later = flags[:, -1:].repeat_interleave(slots - flags.shape[1], dim=1)
    return torch.cat((flags, later), dim=1)


'''
OWN = (
    *("tokens", "token", "steps", "cache", "prefill", "decode", "position", "out", "torch"),
    "continued",
    *("loss", "training_loss", "example_labels", "inputs", "labels", "step"),
)
STEPS = 16


def generate(program: Program) -> str:
    """The helper that continues a prompt; other inputs of the model are passed on."""
    slots = slots_text(program.roots["decode"], "cache")
    grown = [passed(program.graph, tensor) for tensor in _flags(program)]
    arguments = [f"{name}=None" if optional else name for name, optional in _taken(program)]
    return (CONTINUED if grown else "") + GENERATE.format(
        head="\n".join(layout.signature("generate", arguments, 0)),
        slots=slots,
        n=program.graph.token_axis.name if program.graph.on_grid else "T",
        prefill="\n".join(_step(program, "prefill", "tokens", 4)),
        flags="".join(f"    {name} = continued({name}, {slots})\n" for name in grown),
        decode="\n".join(_step(program, "decode", "token", 8)),
    )


def _flags(program: Program) -> list[Tensor]:
    """The flags of the text's tokens that decoding reads: it wants those of all slots."""
    graph, root = program.graph, program.roots["decode"]
    given = [tensor for tensor in graph.inputs if root.low.values[tensor] in root.params]
    along = graph.token_axis
    return [tensor for tensor in given if tensor is not graph.text and along in tensor.axes]


def _taken(program: Program) -> list[tuple[str, bool]]:
    """What generate takes: a memory's inputs, the text, what runs, and flags: optional ones."""
    graph = program.graph
    others = [tensor for tensor in graph.inputs if tensor is not graph.text]
    before = [(passed(graph, tensor), False) for tensor in others if tensor.kind != "bool"]
    own = [(name, False) for name in ("tokens", "steps", "cache", "prefill", "decode")]
    return [
        *before,
        *own,
        *((passed(graph, tensor), True) for tensor in others if tensor.kind == "bool"),
    ]


def passed(graph: Graph, tensor: Tensor) -> str:
    """What generate calls an input: `tokens` is the text; its own names it gives to no other."""
    if tensor is graph.text:
        return "tokens"
    name = safe(tensor.role or "x")
    return f"{name}_" if name in OWN else name


def _step(program: Program, mode: Mode, text: str, indent: int) -> list[str]:
    """token = prefill(tokens, cache).argmax(-1), with what else the mode reads."""
    graph, root = program.graph, program.roots[mode]
    names = {root.low.values[tensor]: passed(graph, tensor) for tensor in graph.inputs}
    names[root.low.values[graph.text]] = text
    more = [param for param in root.params if param not in names and param.hint != "maps"]
    names |= {param: param.hint or "x" for param in more}
    params = sorted(root.params, key=lambda param: param.defaults)
    given = [ex.Name(names[param]) for param in params if param in names]
    told: ex.Expr = ex.Call(ex.Name(mode), tuple(given))
    if not speaks(graph):
        told = ex.Index(told, (ex.Name("..."), ex.Slice(ex.Name(f"-{_ids(graph)}"), None)))
    call = ex.Call(ex.Attribute(told, "argmax"), (ex.Name("-1"),))
    made = layout.lines("token = ", call, PLAIN, "[B, 1]", indent)
    return [" " * indent + line for line in made]


def speaks(graph: Graph) -> bool:
    """Whether all ids that the output tells of are the text's."""
    output, own = graph.outputs[graph.continued], graph.text.vocabulary
    return own is not None and isinstance(graph.facts.at_least(own, output.width), Proved)


def speaks_last(graph: Graph) -> bool:
    """Whether the output tells of the ids of all its parts, in order, the text's last."""
    output = graph.outputs[graph.continued]
    by_axes = {text.space.parts[0].axes: text.vocabulary for text in reversed(graph.texts)}
    each = [by_axes.get(part.axes) for part in output.space.parts]
    every = [count for count in each if count is not None]
    together = graph.facts.equal(sum(every, Dim.of(0)), output.width)
    return len(every) == len(each) and isinstance(together, Proved)


def _ids(graph: Graph) -> int:
    """How many ids the text has."""
    found = graph.text.vocabulary and graph.facts.value(graph.text.vocabulary)
    assert found, "weights have one size"
    return found


def shown_steps(graph: Graph) -> int:
    """How many tokens a file's own run continues: a grid has no more than it has places."""
    most = graph.known.domains[graph.token_axis.name].high if graph.on_grid else None
    return min(STEPS, most or STEPS)


def run_names(program: Program, inputs: Sequence[Tensor]) -> dict[str, str]:
    """How the file's own run calls it: the lines of `given` inputs, a `cache`, what is `shown`, and
    a `timer`."""
    graph = program.graph
    names = {tensor: passed(graph, tensor) for tensor in inputs}
    given = list(names.values())
    head = f"({given[0]},) = " if len(given) == 1 else f"{', '.join(given)} = "
    steps = str(shown_steps(graph))
    sizes = ["len(tokens)", f"tokens.shape[1] + {steps}"]
    sizes += [read_size(names, size) for size in program.roots["decode"].memories]
    taken = [steps if name == "steps" else name for name, _ in _taken(program)]
    call = called("generate", *taken)
    timed = called("Timer", f'"{call.text(PLAIN)[0]}"')
    timer = ex.Call(timed.func, timed.args, (("globals", called("globals")),))
    shape = ex.Call(ex.Name("tuple"), (ex.Attribute(call, "shape"),))
    device = (("device", ex.Name("device")),)
    return {
        "given": indented(head, ex.Call(ex.Name("example_inputs"), (), device))
        + row_by_row(graph, "tokens", "[..., :0]"),
        "cache": indented("cache = ", called("model.cache", *sizes)),
        "shown": indented("", ex.Call(ex.Name("print"), (shape,))),
        "timer": indented("speed = ", timer),
    }


def row_by_row(graph: Graph, name: str, tokens: str = "") -> str:
    """The line that makes of an example's grid the flat text that prefill takes: `tokens` of it."""
    if not graph.on_grid:
        return ""
    batch = len(graph.text.space.batch)
    return f"\n    {name} = {name}.flatten({batch}){tokens}"


def called(name: str, *args: str) -> ex.Call:
    return ex.Call(ex.Name(name), tuple(map(ex.Name, args)))


def indented(head: str, expr: ex.Expr, indent: int = 4) -> str:
    made = layout.lines(head, expr, PLAIN, "", indent)
    return "\n".join(" " * indent + line for line in made)


def read_size(names: dict[Tensor, str], size: str) -> str:
    """The length of a memory, read off an input."""
    for tensor, name in names.items():
        for at, axis in enumerate(tensor.axes):
            if axis.size == sym(size):
                return f"{name}.shape[{at}]"
    raise AssertionError(f"no input shows {size}")
