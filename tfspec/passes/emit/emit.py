"""The pass `emit`: the standalone torch file of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.diagnostics import Label
from tfspec.graph.graph import Graph
from tfspec.passes.emit.file import file_text
from tfspec.program.lowering import lower
from tfspec.program.program import Mode, Program, Style
from tfspec.program.refusal import NotYet
from tfspec.targets import Target, sheet_of


def emit(
    graph: Graph,
    *,
    target: str | Target | None = None,
    style: str = "fast",
    parts: Sequence[str] = (),
) -> str:
    """The file's source. Raises NotYet for what this target or part cannot do yet."""
    return file_text(program_of(graph, target=target, style=style, parts=parts))


def program_of(
    graph: Graph,
    *,
    target: str | Target | None = None,
    style: str = "fast",
    parts: Sequence[str] = (),
) -> Program:
    """The program that the file is printed from."""
    sheet = sheet_of(target or "cpu")
    if "generate" in parts:
        _one_text(graph)
    modes: tuple[Mode, ...] = (
        ("forward", "prefill", "decode") if "generate" in parts else ("forward",)
    )
    chosen: Style = "explicit" if style == "explicit" else "fast"
    return lower(graph, sheet, modes, chosen)


def _one_text(graph: Graph) -> None:
    """Generation continues one text, by one output's logits; what else is read stays as it is.

    Raises NotYet for anything else.
    """
    text = graph.text
    for tensor in graph.inputs:
        if tensor is not text and text.axes[-1] in tensor.axes:
            message = f"the input `{tensor.role}` is not supported yet in generation"
            span = graph.spec.inputs[tensor.role or ""].span
            raise NotYet.of(message, Label(span))
    for name in list(graph.outputs)[1:]:
        message = f"a second output, `{name}`, is not supported yet in generation"
        raise NotYet.of(message, Label(graph.spec.outputs[name].span))
