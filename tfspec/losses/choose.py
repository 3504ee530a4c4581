"""The loss that is asked for, and the output that it is taken of."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.diagnostics import Diagnostic, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.losses.contrastive import Contrastive, Sigmoid
from tfspec.losses.cross_entropy import CrossEntropy, MaskedWord, NextToken, Shifted
from tfspec.losses.loss import Loss
from tfspec.losses.regression import Regression
from tfspec.program.refusal import NotYet

LOSSES: dict[str, Loss] = {
    loss.kind: loss
    for loss in (
        NextToken(),
        Shifted(),
        MaskedWord(),
        CrossEntropy(),
        Contrastive(),
        Sigmoid(),
        Regression(),
    )
}
"""Every kind by its name."""

UNFIT = Rule(
    "TS452",
    "a loss that does not fit",
    "`--loss` asks for a kind that fits none of the model's outputs, or more than one.",
    "A loss of other numbers would train something else without a word.",
    "tfspec build vit-b16 --loss next-token",
    "Choose a kind that fits, name the output as in `--loss regression:next_action`, or give the"
    " spec an output that the loss fits.",
)


@dataclass(frozen=True)
class Chosen:
    """A loss, and the output that it is taken of, by its name."""

    loss: Loss
    output: str


def choose(graph: Graph, kind: str, output: str | None = None) -> Chosen:
    """The loss of a kind, of the output that it fits. Raises NotYet where that is not one."""
    loss = LOSSES[kind]
    if output is not None and output not in graph.outputs:
        raise _refused(f"{graph.name} has no output {quoted(output)}", *_near(graph, output))
    fit = [name for name in graph.outputs if _fits(graph, loss, name)]
    if output is None and len(fit) > 1:
        raise _several(loss, fit)
    name = output if output is not None else next(iter(fit), None)
    if name is None or name not in fit:
        raise _none(graph, loss, name)
    return Chosen(loss, name)


def _fits(graph: Graph, loss: Loss, name: str) -> bool:
    output: Tensor = graph.outputs[name]
    return output.kind == "float" and loss.fits(graph, output)


def _refused(message: str, *help: str) -> NotYet:
    """A refusal of the call, which has no place in the spec."""
    return NotYet(Diagnostic(UNFIT, message, None, help=help))


def _near(graph: Graph, output: str) -> list[str]:
    near = nearest(output, list(graph.outputs))
    return [f"did you mean `{near}`?"] if near else [f"one of: {', '.join(graph.outputs)}"]


def _several(loss: Loss, fit: list[str]) -> NotYet:
    message = f"the loss `{loss.kind}` fits {len(fit)} outputs: {', '.join(fit)}"
    return _refused(message, f"say which: `--loss {loss.kind}:{fit[0]}`")


def _none(graph: Graph, loss: Loss, output: str | None) -> NotYet:
    """Nothing fits, or not the output that was named: what would, and what fits instead."""
    names = list(graph.outputs) if output is None else [output]
    has = ", ".join(f"{name} {graph.show(graph.outputs[name].shape)}" for name in names)
    message = f"the loss `{loss.kind}` needs {loss.needs}; there is {has}"
    found = [
        f"{each.kind}:{name}" if len(graph.outputs) > 1 else each.kind
        for each in LOSSES.values()
        for name in graph.outputs
        if _fits(graph, each, name)
    ]
    instead = [f"what fits: {', '.join(found)}"] if found else []
    places = (loss.against(graph, graph.outputs[name]) for name in names)
    place = next((each for each in places if each), None)
    return NotYet(Diagnostic(UNFIT, message, place, help=(loss.mend, *instead)))
