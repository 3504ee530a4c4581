"""The loss and the training step that a peak is told of, as text: torch runs it, and the stand-in.

Each output of floats is taken for logits of its last axis: mean cross entropy, summed over outputs.
As in a plain loop, `loss = loss_of(model, x, y); loss.backward()`, nothing holds the logits once
the loss is known.
"""

STEP = '''
import torch.nn.functional as F


def criterion(outputs, labels):
    """Cross entropy over each output's last axis; labels [...] for an output [..., classes]."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    terms = []
    for out, label in zip(outputs, labels, strict=True):
        if label is not None:
            flat = out.flatten(0, -2) if out.dim() > 1 else out
            terms.append(F.cross_entropy(flat, label.flatten() if out.dim() > 1 else label))
    return sum(terms[1:], terms[0])


def loss_of(model, inputs, labels):
    return criterion(model(*inputs), labels)
'''
