"""Bundled specs, small, with some of their streams frozen; and a toy in which all of it meets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from tests.bundled import small
from tests.memory.measure import whole
from tfspec.api import Architecture
from tfspec.spec.load import load_text

STREAMS: dict[str, tuple[str, ...]] = {
    "vit-b16": ("image",),  # a frozen tower on pixels, and a trained head
    "clip-vit-b32": ("image",),  # one of two towers
    "llava-1.5-7b": ("image", "clip", "text"),  # gradients through a language model
    "vilbert": ("text",),  # parts in tensors of their own, of which one needs gradients first
    "mixtral-8x7b": ("text",),  # experts and their router
    "swin-t": ("image",),  # windows, learned scores, and rows that do not lie in order
}
THROUGH = {
    "words": "llava-1.5-7b",  # trained tower, frozen projector on rows that are cut out
    "joint": "lxmert",
    "text": "perceiver-io",
}
"""A frozen stream with trained steps before it."""
QUICK = ("vit-b16", "llava-1.5-7b")
CASES = [
    pytest.param(name, streams, id=f"{name}-{streams[0]}", marks=marks)
    for name, streams in [*STREAMS.items(), *((n, (stream,)) for stream, n in THROUGH.items())]
    for marks in [() if STREAMS.get(name) == streams and name in QUICK else pytest.mark.slow]
]


def frozen(name: str, streams: Iterable[str], tree: dict[str, Any] | None = None) -> Architecture:
    """A bundled spec, small, with these streams frozen."""
    tree = whole(name) if tree is None else tree
    freeze(tree, streams)
    tree.pop("expect", None)
    return Architecture(load_text(yaml.safe_dump(tree, sort_keys=False)), small(name, 1).sets)


def freeze(tree: dict[str, Any], streams: Iterable[str]) -> None:
    """Write `freeze` into a spec's tree."""
    for name in streams:
        stream = tree["streams"][name]
        declared = isinstance(stream, dict) and stream.keys() & {"do", "per"}
        tree["streams"][name] = {**(stream if declared else {"do": stream}), "freeze": True}
