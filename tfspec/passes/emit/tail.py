"""The end of the emitted file: build, compile, example inputs, and a first run."""

from __future__ import annotations

from tfspec.graph.tensor import Tensor
from tfspec.passes.emit import losses, stepping
from tfspec.passes.emit.generate import generate, run_names, shown_steps
from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.classes import Book
from tfspec.program.code_names import unique
from tfspec.program.expr import PLAIN
from tfspec.program.program import Program

BUILD = '''def build(device=None, dtype=None):
    """The model, with fresh weights."""
    with torch.device(device or "cpu"):
        return {name}().to(dtype=dtype)
'''
COMPILE = '''def compile(model):
    """The model, compiled as a whole for {about}."""
    return torch.compile(model, fullgraph=True{options})
'''
COMPILE_STEPS = '''def compile(model):
    """Prefill and decode, compiled apart. Reuse one cache: its length is static."""
    prefill = torch.compile(model.prefill, fullgraph=True{options})
    decode = torch.compile(model.decode, fullgraph=True{options})
    return prefill, decode
'''
HERE = {
    "cpu": """    device = "cpu"
""",
    "cuda": """    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        print("There is no GPU here: this runs on the CPU, and is not compiled.")
""",
}
RUN = """if __name__ == "__main__":
{here}    model, inputs = build(device).eval(), example_inputs(device=device)
    run = {compiled}
    with torch.inference_mode():
        outputs = run(*inputs)
        speed = Timer("run(*inputs)", globals=globals()).timeit(5)
    for output in outputs if isinstance(outputs, tuple) else (outputs,):
        print(tuple(output.shape), output.dtype, output.device)
    print(f"{{sum(p.numel() for p in model.parameters()):,}} parameters")
    print(f"{{1000 * speed.mean:.1f}} ms a run")
"""
RUN_STEPS = """if __name__ == "__main__":
{here}    model = build(device).eval()
{given}
{cache}
    prefill, decode = {compiled}
{shown}
{timer}
    print(f"{{sum(p.numel() for p in model.parameters()):,}} parameters")
    print(f"{{1000 * speed.timeit(3).mean / {steps}:.1f}} ms a token")
"""


def tail(program: Program, book: Book) -> list[str]:
    """The functions that stand after the classes, in reading order."""
    options = "".join(f", {key}={value}" for key, value in program.target.compile.items())
    name = book.by_scope[book.root].name
    compile_ = COMPILE_STEPS if program.generates else COMPILE
    return [
        *([generate(program)] if program.continues else []),
        *(losses.functions(program) if program.loss else []),
        BUILD.format(name=name),
        compile_.format(about=program.target.about, options=options),
        examples(program),
        *(losses.examples(program) if program.loss else []),
        _first_run(program) + (losses.first_run(program) if program.loss else ""),
    ]


def _first_run(program: Program) -> str:
    """Where the device of the target is not there, what it compiles to may be wrong: it is not."""
    kind, plain = program.target.kind, "model"
    if program.generates:
        plain = "model.prefill, model.decode"
    compiled = (
        "compile(model)" if kind == "cpu" else f'compile(model) if device == "cuda" else {plain}'
    )
    here = {"here": HERE[kind], "compiled": compiled}
    inputs = ordered(program.graph.inputs)
    if program.continues:
        steps = shown_steps(program.graph)
        return RUN_STEPS.format(**here, steps=steps, **run_names(program, inputs))
    if program.generates:
        return stepping.RUN.format(**here, **stepping.run_names(program, inputs))
    return RUN.format(**here)


def examples(program: Program) -> str:
    """example_inputs(): a tensor for each input, in forward's order, at allowed sizes."""
    graph = program.graph
    values = graph.bindings()
    shown = ", ".join(f"{t.role} {graph.show(t.shape)}" for t in graph.inputs)
    lines = ["def example_inputs(device=None):", f'    """Random inputs: {shown}."""']
    if len(lines[1]) > layout.WIDTH:
        lines[1] = '    """Random inputs, in the order in which the model takes them."""'
    by_role = dict(zip(graph.inputs, unique([t.role or "x" for t in graph.inputs]), strict=True))
    names = [by_role[tensor] for tensor in ordered(graph.inputs)]
    for name, tensor in zip(names, ordered(graph.inputs), strict=True):
        made = layout.lines(f"{name} = ", _example(tensor, values), PLAIN, "", 4)
        lines += [f"    {line}" for line in made]
    return "\n".join([*lines, *_returned(names)]) + "\n"


def _returned(names: list[str]) -> list[str]:
    one = f"    return ({', '.join(names)}{',' if len(names) == 1 else ''})"
    if len(one) <= layout.WIDTH:
        return [one]
    return ["    return (", *(f"        {name}," for name in names), "    )"]


def ordered(inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Inputs as forward takes them: those that may be left out stand last."""
    return sorted(inputs, key=lambda tensor: tensor.kind == "bool")


def _example(tensor: Tensor, bindings: dict[str, int]) -> ex.Expr:
    shape = ex.Tuple(tuple(ex.Name(str(size.value(bindings))) for size in tensor.shape))
    device = ("device", ex.Name("device"))
    if tensor.kind == "ids":
        assert tensor.vocabulary is not None
        count = ex.Name(str(tensor.vocabulary.value(bindings)))
        return ex.Call(ex.Name("torch.randint"), (count, shape), (device,))
    if tensor.kind == "bool":
        dtype = ("dtype", ex.Name("torch.bool"))
        return ex.Call(ex.Name("torch.ones"), (shape,), (dtype, device))
    return ex.Call(ex.Name("torch.randn"), (shape,), (device,))
