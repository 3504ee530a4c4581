"""BERT's heads in examples/heads: masked words, a class, a label for each token, answer spans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, cat, nn
from transformers import (
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)

from tests.parity.bert import BERT, body_names, make_bert
from tests.parity.reference import Reference, Tensors, logits, renamed

FOLDER = Path(__file__).parents[2] / "examples" / "heads"
LABELS = 4
WORDS = {"embed1.weight": "words.weight", "embed2.weight": "embed.weight"}
"""The table of words is shared with the last map, and so has a name of its own."""


def made(kind: Callable[[Any], nn.Module], labels: int = LABELS) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        config = make_bert().config
        config.num_labels = labels
        return kind(config)

    return make


def names(table: dict[str, str]) -> Callable[[Tensors], dict[str, Tensor]]:
    """The body's and a head's."""

    def ours(theirs: Tensors) -> dict[str, Tensor]:
        body = {name.removeprefix("bert."): tensor for name, tensor in theirs.items()}
        return body_names(body) | renamed(body, table)

    return ours


def word_names(theirs: Tensors) -> dict[str, Tensor]:
    top = "cls.predictions"
    table = {f"{top}.transform.dense": "logits", f"{top}.transform.LayerNorm": "logits_norm"}
    found = {WORDS.get(name, name): t for name, t in names(table)(theirs).items()}
    return found | {"logits_bias": theirs[f"{top}.bias"]}


def ends(output: Any) -> tuple[Tensor, ...]:
    return (cat((output.start_logits[..., None], output.end_logits[..., None]), dim=-1),)


def head(
    name: str, make: Callable[[], nn.Module], named: Callable[[Tensors], dict[str, Tensor]],
    results: Callable[[Any], tuple[Tensor, ...]] = logits, labels: int | None = LABELS,
) -> Reference:  # fmt: skip
    sets = BERT.sets | ({} if labels is None else {"labels": labels})
    quiet = tuple(f"bert.{weight}" for weight in BERT.quiet)
    return replace(
        BERT, spec=str(FOLDER / f"{name}.yaml"), sets=sets, make=make, names=named, quiet=quiet, results=results,
    )  # fmt: skip


POOLED = names({"pooler.dense": "logits1", "classifier": "logits2"})
HEADS = (
    head("masked-word", made(BertForMaskedLM), word_names, labels=None),
    head("classification", made(BertForSequenceClassification), POOLED),
    head("token-labels", made(BertForTokenClassification), names({"classifier": "logits"})),
    head("answer-spans", made(BertForQuestionAnswering, 2), names({"qa_outputs": "starts_and_ends"}), ends, None),
)  # fmt: skip
