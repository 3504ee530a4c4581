"""How a file with `prefill` and `decode` alone runs: a prompt, then its last place once more."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.passes.emit.generate import called, indented, read_size, row_by_row
from tfspec.program import expr as ex
from tfspec.program.code_names import safe
from tfspec.program.program import Mode, Program

RUN = """if __name__ == "__main__":
{here}    model = build(device).eval()
{given}
{cache}
{position}
    prefill, decode = {compiled}
    with torch.inference_mode():
{prefill}
{step}
        new = decode(*step)
        speed = Timer("decode(*step)", globals=globals()).timeit(5)
    print(tuple(prompt.shape), tuple(new.shape))
    print(f"{{sum(p.numel() for p in model.parameters()):,}} parameters")
    print(f"{{1000 * speed.mean:.1f}} ms a step")
"""
OWN = (
    "model",
    "cache",
    "position",
    "prefill",
    "decode",
    "prompt",
    "new",
    "step",
    "speed",
    "device",
)


def run_names(program: Program, inputs: Sequence[Tensor]) -> dict[str, str]:
    """The lines of the file's own run. The last place is in reach of every table of positions."""
    graph = program.graph
    names = {tensor: _named(tensor) for tensor in inputs}
    listed = ", ".join(names.values()) + ("," if len(names) == 1 else "")
    head = f"({listed}) = " if len(names) == 1 else f"{listed} = "
    text = names[graph.text]
    sizes = [f"len({text})", f"{text}.shape[-1]"]
    sizes += [read_size(names, size) for size in program.roots["decode"].memories]
    new = _given(program, "decode", _newest(graph, names))
    device = (("device", ex.Name("device")),)
    last = ex.Call(ex.Name("torch.tensor"), (ex.Name(f"[{text}.shape[-1] - 1]"),), device)
    return {
        "given": indented(head, ex.Call(ex.Name("example_inputs"), (), device))
        + row_by_row(graph, text),
        "cache": indented("cache = ", called("model.cache", *sizes)),
        "position": indented("position = ", last),
        "prefill": indented("prompt = ", called("prefill", *_given(program, "prefill", names)), 8),
        "step": indented("step = ", ex.Tuple(tuple(map(ex.Name, new))), 8),
    }


def _named(tensor: Tensor) -> str:
    name = safe(tensor.role or "x")
    return f"{name}_" if name in OWN else name


def _newest(graph: Graph, names: dict[Tensor, str]) -> dict[Tensor, str]:
    """Of what grows with the text its last place; the rest as it is."""
    batch, axis = len(graph.text.space.batch), graph.token_axis
    at = {x: batch if graph.on_grid else x.axes.index(axis) for x in graph.grown}
    cuts = {x: ", ".join([*[":"] * at[x], "-1:"]) for x in graph.grown}
    return {x: f"{name}[{cuts[x]}]" if x in cuts else name for x, name in names.items()}


def _given(program: Program, mode: Mode, names: dict[Tensor, str]) -> list[str]:
    """What prefill or decode reads, in order."""
    root = program.roots[mode]
    given = {root.low.values[tensor]: name for tensor, name in names.items()}
    params = sorted(root.params, key=lambda param: param.defaults)
    read = [param for param in params if param in given or param.hint != "maps"]
    return [given.get(param) or param.hint or "x" for param in read]
