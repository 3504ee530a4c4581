"""What a page says of a step that is pointed at, and its shares of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tfspec.diagnostics.escape import escape, shorten
from tfspec.graph.look import Kind
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.passes.cost.text import scaled
from tfspec.passes.draw.parts import Box, Card, Figure, boxes
from tfspec.passes.draw.titles import grouped
from tfspec.passes.draw.words import Words
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.shapes.text import numbers
from tfspec.passes.time.text import seconds

LONGEST = 160
"""Characters of a name or a formula among the details."""
KINDS: dict[Kind, str] = {
    "embed": "embedding", "norm": "norm", "attention": "attention", "mlp": "MLP",
    "linear": "linear map", "other": "other",
}  # fmt: skip


class Details:
    """The details of each step as numbers into `texts`, for many steps say the same.

    `rows[number]` has pairs: a label and what stands beside it.
    """

    def __init__(self, amounts: Amounts, figure: Figure, words: Words) -> None:
        self.amounts, self.words = amounts, words
        self.params = amounts.params(figure)
        self.cost = amounts.cost
        self.texts: dict[str, int] = {}
        self.rows: dict[int, list[int]] = {}
        self.total_flops = self.cost.number(self.cost.flops)
        self.total_params = self.cost.number(self.cost.graph.params)
        self.total_kept = sum(amounts.kept.values())

    def of_box(self, at: int, box: Box) -> tuple[int, ...]:
        """Notes what is said of a box; its shares in percent."""
        return self._of(at, box, [box], box.made, box.count)

    def of_card(self, at: int, card: Card) -> tuple[int, ...]:
        """The same of all that is in a card."""
        closed = card.closed
        assert closed is not None, "what is open was read as closed too"
        named = replace(closed, title=titled(card))
        return self._of(at, named, list(boxes(card.body)), card.made, card.count)

    def _of(
        self, at: int, box: Box, parts: Sequence[Box], made: Tensor, count: int
    ) -> tuple[int, ...]:
        nodes = list(dict.fromkeys(node for part in parts for node in part.nodes))
        params = sum(self.params[part] for part in parts)
        formula = self.amounts.flops(nodes)
        flops, kept = self.cost.number(formula), self.amounts.bytes(nodes)
        said = [
            ("", box.title),
            ("kind", "block" if box.block else KINDS[box.kind]),
            ("settings", ", ".join(box.knobs)),
            ("output", self.words.shape(made)),
            ("sizes", self._sizes(made)),
            ("repeated", f"× {count}" if count > 1 else ""),
            ("parameters", _share(f"{params:,}", params, self.total_params)),
            ("FLOPs", _share(scaled(flops, "").rstrip(), flops, self.total_flops)),
            ("", f"= {escape(str(formula))}" if flops else ""),
            ("kept for backward", _share(scaled(kept, "B"), kept, self.total_kept)),
            ("time", self._time(nodes)),
        ]
        cells = ((label, text) for label, text in said if text)
        self.rows[at] = [self._number(shorten(text, LONGEST)) for pair in cells for text in pair]
        return (
            _percent(flops, self.total_flops),
            _percent(params, self.total_params),
            _percent(kept, self.total_kept),
        )

    def _sizes(self, made: Tensor) -> str:
        return numbers(made.shapes, self._values, ",")

    @property
    def _values(self) -> dict[str, int]:
        return self.cost.sizes_of_dims

    def _time(self, nodes: Iterable[Node]) -> str:
        if self.cost.times is None or self.cost.time is None:
            return ""
        time = self.cost.times.of(nodes)
        if not time.typical:
            return ""
        share = f"{time.typical / self.cost.time.typical:.1%}"
        return f"{seconds(time.typical)} ({share}), bound by {time.bound}"

    def _number(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))


def titled(card: Card) -> str:
    """What a card is called where it is folded; a pattern that is repeated in brackets."""
    assert card.closed is not None, "what is open was read as closed too"
    return grouped(card.closed.title, card.count)


def _share(text: str, amount: int, total: int) -> str:
    """An amount and its part of the whole; empty for none."""
    return f"{text} ({amount / total:.1%})" if amount and total else ""


def _percent(amount: int, total: int) -> int:
    return round(100 * amount / total) if total else 0
