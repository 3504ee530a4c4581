"""What a model's tensors are in a mode: shapes as the lowered program has them."""

from __future__ import annotations

from collections.abc import Mapping

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.program.lowering import Lowering
from tfspec.program.method import Method
from tfspec.program.program import Mode, Program
from tfspec.program.refusal import NotYet
from tfspec.symbolic import Dim
from tfspec.targets import Target, find

MODES: tuple[Mode, ...] = ("forward", "prefill", "decode")
Shape = tuple[Dim, ...]

NO_TEXT = Rule(
    "TS451",
    "a mode that the model has not",
    "`prefill`, `decode` or `--with generate` are asked of a model that reads no text.",
    "They run a text token by token, with a cache of keys and values.",
    "tfspec shapes vit-b16 --mode decode",
    "Leave `--mode` or `--with` out.",
)


def check_text(graph: Graph, what: str, option: str) -> None:
    """Raises NotYet where a model reads no ids of tokens: no text to run token by token."""
    if not graph.texts:
        message = f"{graph.name} reads no text, and cannot {what}"
        raise NotYet(Diagnostic(NO_TEXT, message, None, help=(f"leave `{option}` out",)))


def check_attends(root: Method) -> None:
    """Raises NotYet where what `decode` gives reads no attention of the text to itself."""
    if not root.grows:
        graph = root.low.graph
        message = (
            f"an output without attention in the text, as `{graph.continued}`, is not supported"
        )
        span = graph.spec.outputs.span_of(graph.continued)
        way = "let an output stand before it that reads such attention; there is no cache otherwise"
        raise NotYet.of(f"{message} yet in decoding", Label(span), way)


def mode_shapes(graph: Graph, mode: Mode) -> tuple[dict[Tensor, Shape], list[Shape]]:
    """The shapes of the graph's tensors in a mode, and of the outputs, as the program has them."""
    check_text(graph, mode, "--mode")
    target = find("cpu")
    assert isinstance(target, Target)
    low = Lowering(Program(graph, target, "explicit"), mode, ("prefill", "decode"))
    root = low.root()
    if mode == "decode":
        check_attends(root)
    shapes = {tensor: value.shape for tensor, value in low.values.items()}
    if mode == "prefill":  # outputs read the last token of streams, which are computed whole
        streams = graph.trace.body[: graph.outputs_at]
        made = [tensor for node in streams for tensor in node.outputs]
        whole = {tensor: value.shape for tensor, value in low.whole.items()}
        shapes |= {tensor: whole.get(tensor, tensor.shape) for tensor in made}
    return shapes, [value.shape for value in root.results]


def length_of_slots(graph: Graph) -> str | None:
    """The dim that says how many slots the cache has; None where there is none, or no cache."""
    length = str(graph.token_axis.size) if graph.texts else None
    if length not in graph.facts.domains:
        return None
    try:
        mode_shapes(graph, "decode")
    except NotYet:
        return None
    return length


def decoding(graph: Graph, mode: Mode, values: Mapping[str, int]) -> dict[str, int]:
    """Sizes while decoding: one new token, as the emitted file takes it.

    A length that the user has set is how many slots the cache has.
    """
    found = dict(values)
    length = str(graph.token_axis.size)
    longest = graph.text.space.length.value(found)
    if graph.on_grid:
        found[length] = longest
    slots = found.get(graph.slots_name, 0)
    found[graph.slots_name] = graph.bound.get(length) or max(slots, longest)
    if mode == "decode" and length in graph.known.domains:
        found[length] = 1
    return found
