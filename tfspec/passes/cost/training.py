"""Whether there is anything to train: a model may be frozen as a whole, or where a loss is."""

from __future__ import annotations

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.graph.graph import Graph
from tfspec.passes.cost.work import trained
from tfspec.program.refusal import NotYet

NOTHING_TRAINED = Rule(
    "TS475",
    "nothing to train",
    "Training is asked for, and no output, or not the one that the loss is taken of, depends on a "
    "weight that is trained: there is none on the way to it, or all are frozen.",
    "There is no gradient: `backward()` would fail.",
    "tfspec cost frozen.yaml --mode train  # streams: {text: {do: [...], freeze: true}}, and the "
    "output is `text`",
    "Leave `freeze` out of a stream, or give the output a map of its own to train: "
    "`logits: [text, {linear: classes}]`.",
)


def check_trained(graph: Graph, output: str | None = None) -> None:
    """Raises NotYet where no output needs a gradient, or not this one."""
    found = trained(graph)
    if found if output is None else output in found:
        return
    whose = "any output" if output is None else f"the output {quoted(output)}"
    message = f"there is nothing to train on the way to {whose}"
    outputs = graph.spec.outputs
    frozen = (decl for decl in graph.spec.streams.values() if decl.freeze)
    first = next(frozen, None)
    if first is None:
        label = Label(outputs.span_of(output or next(iter(outputs))), "no weight leads to this")
        help = "give the output a `linear` of its own"
    else:
        label = Label(first.key_span("freeze"), "what this has is frozen")
        help = "leave `freeze` out, or give the output a `linear` of its own"
    raise NotYet(Diagnostic(NOTHING_TRAINED, message, label, help=(help,)))
