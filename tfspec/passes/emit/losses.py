"""What `--loss` adds: the loss, forward and loss as one function, and how a file runs it."""

from __future__ import annotations

from tfspec.losses.choose import Chosen
from tfspec.program.program import Program

FORWARD = '''def training_loss(model, inputs{labels}):
    """Forward and loss as one function, which torch.compile takes as a whole."""
    return loss(model(*inputs){output}{labels})
'''
RUN = """    model.train()
    inputs{and_labels} = example_inputs(device=device){made}
    step = {step}
    value = step(model, inputs{labels})
    value.backward()
    speed = Timer("step(model, inputs{labels}).backward()", globals=globals()).timeit(5)
    print(f"loss {{value.item():.4f}}")
    print(f"{{1000 * speed.mean:.1f}} ms forward and backward")
"""


def functions(program: Program) -> list[str]:
    """The loss with its helpers, and forward and loss as one."""
    chosen = _chosen(program)
    outputs = list(program.graph.outputs)
    index = f"[{outputs.index(chosen.output)}]" if len(outputs) > 1 else ""
    code = chosen.loss.code(program.graph, program.graph.outputs[chosen.output])
    return [*code, FORWARD.format(labels=_labels(program), output=index)]


def examples(program: Program) -> list[str]:
    """example_labels(), where the loss takes labels."""
    chosen = _chosen(program)
    made = chosen.loss.example(program.graph, program.graph.outputs[chosen.output])
    return [made] if made else []


def first_run(program: Program) -> str:
    """The lines of the file's own run that take a step; where the device is missing, uncompiled."""
    options = "".join(f", {key}={value}" for key, value in program.target.compile.items())
    compiled = f"torch.compile(training_loss, fullgraph=True{options})"
    if program.target.kind != "cpu":
        compiled = f'training_loss\n    if device == "cuda":\n        step = {compiled}'
    labels = _labels(program)
    made = ", example_labels(device=device)" if labels else ""
    return RUN.format(step=compiled, labels=labels, and_labels=labels, made=made)


def _labels(program: Program) -> str:
    return ", labels" if examples(program) else ""


def _chosen(program: Program) -> Chosen:
    assert program.loss is not None
    return program.loss
