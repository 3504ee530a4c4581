"""Cross entropy: of words that come next, that were shifted or masked, and of any classes."""

from __future__ import annotations

from typing import ClassVar

from tfspec.diagnostics import Label
from tfspec.graph.graph import Graph
from tfspec.graph.order import looks_ahead
from tfspec.graph.tensor import Tensor
from tfspec.losses.loss import Loss, words_of
from tfspec.passes.emit.text import docstring
from tfspec.symbolic import Dim

_PLAIN = """\
    return F.cross_entropy(
        logits.flatten(0, -2), labels.flatten(), label_smoothing=smoothing
    )
"""
_NEXT = "    labels = F.pad(labels[..., 1:], (0, 1), value=-100)\n"
_SHIFT = '''\
def shift_right(labels, start, padding):
    """What the model reads to tell the labels: `start`, and all of them but the last."""
    read = F.pad(labels[..., :-1], (1, 0), value=start)
    return read.masked_fill(read == -100, padding)
'''
_MASK = '''\
def mask_words(tokens, mask, valid=None, rate=0.15):
    """Tokens to read, and labels: those that were chosen to be told, -100 elsewhere.

    Of the chosen ones 80 % become `mask`, 10 % any word, and 10 % stay (Devlin et al.
    2018, section 3.1). Where tokens are not `valid`, none is chosen.
    """
    chosen = torch.rand(tokens.shape, device=tokens.device) < rate
    if valid is not None:
        chosen = chosen & valid
    fate = torch.rand(tokens.shape, device=tokens.device)
    read = tokens.masked_fill(chosen & (fate < 0.8), mask)
    words = torch.randint_like(tokens, {words})
    read = torch.where(chosen & (fate >= 0.9), words, read)
    return read, tokens.masked_fill(~chosen, -100)
'''


class CrossEntropy(Loss):
    """Mean cross entropy of classes: logits [..., K], labels [...], of which -100 is ignored.

    -Σ log softmax(logits)[label] / count. With smoothing s a label counts 1 - s, and s is spread
    evenly over the K classes (Szegedy et al. 2016, section 7). Nothing is cast: of bf16 logits
    there is no copy in fp32.
    """

    kind: ClassVar[str] = "cross-entropy"
    needs: ClassVar[str] = "an output of classes, a fixed number of features a row"
    mend: ClassVar[str] = "end an output with a map to the classes, as in `linear: 1000`"
    about: ClassVar[str] = "Cross entropy, in nats: the mean over labels that are not -100."
    before: ClassVar[str] = ""
    first: ClassVar[str] = ""

    def fits(self, graph: Graph, output: Tensor) -> bool:
        return len(output.axes) > 1 and graph.facts.value(output.width) is not None

    def code(self, graph: Graph, output: Tensor) -> list[str]:
        shapes = f"logits {graph.show(output.shape)}, labels {graph.show(output.shape[:-1])}"
        doc = docstring(self.about, f"Takes {shapes}.", 4)
        head = "def loss(logits, labels, smoothing=0.0):\n" + "\n".join(doc) + "\n"
        words = graph.facts.value(output.width)
        before = [self.before.replace("{words}", str(words))] if self.before else []
        return [*before, head + self.first + _PLAIN]

    def labels(self, graph: Graph, output: Tensor) -> tuple[str, tuple[Dim, ...]] | None:
        del graph
        return "randint", output.shape[:-1]


class NextToken(CrossEntropy):
    """Each token told by those before it: logits [..., t, :] tell the label [..., t + 1].

    logits [..., T, V], labels [..., T]: the tokens themselves, -100 where there is padding. The
    mean is over the tokens that are told: not the first (Radford et al. 2018, equation 1).
    """

    kind: ClassVar[str] = "next-token"
    needs: ClassVar[str] = "an output [..., T, V] over V ids, and no token that sees later ones"
    mend: ClassVar[str] = "give an output a map to the vocabulary, and its attention `mask: causal`"
    about: ClassVar[str] = (
        "Cross entropy of each token, told by those before it, in nats: labels are the tokens "
        "themselves, -100 where there is padding. The mean is over what is told."
    )
    first: ClassVar[str] = _NEXT

    def fits(self, graph: Graph, output: Tensor) -> bool:
        words = words_of(graph, output)
        return words is not None and looks_ahead(graph, words, output) is None

    def against(self, graph: Graph, output: Tensor) -> Label | None:
        words = words_of(graph, output)
        ahead = None if words is None else looks_ahead(graph, words, output)
        return Label(ahead.span, "tokens see later ones") if ahead and ahead.span else None


class Shifted(NextToken):
    """Labels told by a model that reads them shifted right, behind a start token.

    logits [..., T, V], labels [..., T], -100 where there is padding: logits at t tell the label at
    t (Sutskever et al. 2014, equation 1). `shift_right` makes the ids that the model reads.
    """

    kind: ClassVar[str] = "shifted"
    about: ClassVar[str] = (
        "Cross entropy of labels that the model reads shifted right, in nats: the mean over those "
        "that are not -100, which is padding."
    )
    before: ClassVar[str] = _SHIFT
    first: ClassVar[str] = ""


class MaskedWord(CrossEntropy):
    """Words told that were masked: cross entropy where labels are not -100 (Devlin et al. 2018).

    logits [..., T, V], labels [..., T]. `mask_words` chooses words, and masks them.
    """

    kind: ClassVar[str] = "masked-word"
    needs: ClassVar[str] = "an output [..., T, V] over V ids"
    mend: ClassVar[str] = "give an output a map to the vocabulary of its ids"
    about: ClassVar[str] = (
        "Cross entropy of masked words, in nats: the mean over labels that are not -100."
    )
    before: ClassVar[str] = _MASK

    def fits(self, graph: Graph, output: Tensor) -> bool:
        return words_of(graph, output) is not None
