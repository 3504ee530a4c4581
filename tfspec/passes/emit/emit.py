"""The pass `emit`: the standalone torch file of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph.graph import Graph
from tfspec.passes.emit.file import file_text
from tfspec.passes.emit.generate import speaks, speaks_last
from tfspec.passes.modes import check_attends, check_text
from tfspec.program.lowering import lower
from tfspec.program.program import Mode, Program, Style
from tfspec.program.refusal import NotYet
from tfspec.targets import Target, sheet_of

if TYPE_CHECKING:
    from tfspec.losses.choose import Chosen


def emit(
    graph: Graph,
    *,
    target: str | Target | None = None,
    style: str = "fast",
    parts: Sequence[str] = (),
    loss: str | None = None,
) -> str:
    """The file's source. Raises NotYet for what this target or part cannot do yet, and for a loss
    that fits no output. `loss` is a kind, or KIND:OUTPUT."""
    return file_text(program_of(graph, target=target, style=style, parts=parts, loss=loss))


def program_of(
    graph: Graph,
    *,
    target: str | Target | None = None,
    style: str = "fast",
    parts: Sequence[str] = (),
    loss: str | None = None,
) -> Program:
    """The program that the file is printed from."""
    sheet = sheet_of(target or "cpu")
    for part in parts:
        check_text(graph, part, f"--with {part}")
    if "generate" in parts:
        _one_text(graph)
    decodes = "generate" in parts or "decode" in parts
    modes: tuple[Mode, ...] = ("forward", "prefill", "decode") if decodes else ("forward",)
    chosen: Style = "explicit" if style == "explicit" else "fast"
    program = lower(graph, sheet, modes, chosen)
    if decodes:
        check_attends(program.roots["decode"])
    program.continues = "generate" in parts
    program.loss = _loss(graph, loss) if loss else None
    return program


def _loss(graph: Graph, text: str) -> Chosen:
    from tfspec.losses.choose import choose
    from tfspec.passes.cost.training import check_trained

    kind, _, output = text.partition(":")
    chosen = choose(graph, kind, output or None)
    check_trained(graph, chosen.output)
    return chosen


def _told(graph: Graph) -> None:
    """Raises NotYet where it is not plain which of what the output tells of are the text's ids."""
    if speaks(graph) or speaks_last(graph):
        return
    output = graph.continued
    made = graph.outputs[output]
    message = f"`{output}` of {graph.facts.show(made.width)} ids for the text `{graph.text.role}`"
    ways = (
        f"let it be as wide as that has ids, {graph.facts.show(graph.text.vocabulary or 0)}, or as "
        "the texts of all its parts have together, in their order",
        "`--with decode` has `prefill` and `decode`, and leaves the choice to its caller",
    )
    span = graph.spec.outputs.span_of(output)
    raise NotYet.of(f"{message} is not supported yet in generation", Label(span), *ways)


def _one_text(graph: Graph) -> None:
    """Generation continues one text, by the logits of one output; of the text's tokens there
    may be flags, [B, T, ...], and what else is read stays as it is.

    Raises NotYet for anything else.
    """
    text = graph.text
    _told(graph)
    for tensor in graph.inputs:
        along = [at for at, axis in enumerate(tensor.axes) if axis in graph.text_axes]
        flags = tensor.kind == "bool" and along == [1]
        if tensor is not text and along and not flags:
            message = f"the input `{tensor.role}` is not supported yet in generation"
            span = graph.spec.inputs[tensor.role or ""].span
            ways = (
                "a text is continued by its ids, and flags of them",
                "of a causal model `--with decode` has `prefill` and `decode`, called step by step",
            )
            raise NotYet.of(message, Label(span), *ways)
