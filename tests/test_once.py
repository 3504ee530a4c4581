"""What a check computes once, however often a spec repeats it: counted, and not timed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import tfspec
from tfspec.construct.sizes import Sizes
from tfspec.layers import attend_mask
from tfspec.passes.check import check
from tfspec.spec.load import load_text
from tfspec.symbolic import mending

SPEC = """
tfspec: 1
name: many
dims: {{B: batch, T: 8, W: 4, d: 16}}
inputs: {{tokens: ids(9) B T, image: ids(9) B W}}
blocks:
  layer:
    norm: {{at: pre}}
    do: [attend: {{heads: 2, mask: causal and (key.text or key.pos - query.pos < 3)}}]
streams:
  text: [tokens, embed: d]
  image_: [image, embed: d]
  both: [concat: [text, image_], {layers}]
outputs: {{states: both}}
"""


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Counter[str]:
    """How often a function of a module is called, from here on."""
    calls, function = Counter[str](), getattr(module, name)

    def counting(*args: Any) -> Any:
        calls[name] += 1
        return function(*args)

    monkeypatch.setattr(module, name, counting)
    return calls


@pytest.mark.parametrize("count", [1, 5])
def test_a_mask_of_a_repeated_block(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    calls = counted(monkeypatch, attend_mask, "total")
    assert check(load_text(SPEC.format(layers=", ".join(["layer"] * count))), {}).ok
    assert calls == {"total": 1}


@pytest.mark.parametrize("count", [1, 5])
def test_the_sizes_of_a_repeated_block(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    calls = counted(monkeypatch, Sizes, "_prove")
    assert check(load_text(SPEC.format(layers=", ".join(["layer"] * count))), {}).ok
    assert calls == {"_prove": 6}  # B, T, W, d, 9 and 2


@pytest.mark.parametrize("name", ["swin-t", "vilbert"])
def test_a_right_spec_is_not_mended(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    calls = counted(monkeypatch, mending, "mend")
    assert tfspec.load(name).check().ok
    assert not calls
