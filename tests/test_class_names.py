"""Names of the classes of an emitted file: what a person would read out, and PEP 8's form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspec import api
from tfspec.graph.class_names import class_name
from tfspec.spec.load import load_text

NAMES = {
    "bert-base": "BertBase",
    "gpt2": "Gpt2",
    "swin-t": "SwinT",
    "vit-b16": "VitB16",
    "llama-3-8b": "Llama3Model8B",
    "llama-3.1-405b": "Llama3p1Model405B",
    "mixtral-8x7b": "Mixtral8x7B",
    "qwen-1.5b": "Qwen1p5B",
    "unet 3d": "Unet3D",
    "camelCase": "CamelCase",
    "v0.1.2": "V0p1p2",
    "3 heads": "Model3Heads",
    "7": "Model7",
    "été, \n": "T",
    "—": "Model",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_gives_its_name_to_a_class(name: str) -> None:
    assert class_name(name, "Model") == NAMES[name]


def test_blocks_are_blocks() -> None:
    assert class_name("layer_1_2", "Block") == "Layer1Block2"
    assert class_name("_1", "Block") == "Block1"


@given(st.text(alphabet="aBz09.-_ é\n"))
def test_any_text_gives_a_name_in_capitals(text: str) -> None:
    assert re.fullmatch("[A-Z][A-Za-z0-9]*", class_name(text, "Model"))


@given(st.lists(st.integers(0, 999), min_size=1, max_size=4), st.sampled_from(".-_ "))
def test_numbers_stay_the_numbers_that_they_are(numbers: list[int], mark: str) -> None:
    name = class_name(f"v{mark}{mark.join(map(str, numbers))}", "Model")
    assert list(map(int, re.findall("[0-9]+", name))) == numbers


def classes(architecture: api.Architecture) -> list[str]:
    return re.findall(r"^class (\w+)", architecture.emit(), re.MULTILINE)


def test_two_kinds_of_attention_are_named_after_their_blocks() -> None:
    """Though Swin's last stage has plain windows in a `shifted` block: one covers its axis."""
    assert classes(api.load("swin-t")) == [
        *("LocalAttention", "FeedForward", "Local", "ShiftedAttention", "Shifted", "SwinT")
    ]


TWO = """
tfspec: 1
name: two
dims: {B: batch, T: 8, d: 4, h: 2}
inputs: {x: float B T (d)}
blocks:
  near: {do: [attend: {heads: h, mask: within(2)}]}
  far: {do: [attend: {heads: h, mask: causal}]}
  both: {do: [attend: {heads: h, mask: causal}, attend: {heads: h, mask: within(2)}]}
streams: {s: [x, stack: {of: [PATTERN], depth: DEPTH}]}
outputs: {y: s}
"""


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("near", ["Attention", "Near", "Two"]),
        ("near, far", ["NearAttention", "Near", "FarAttention", "Far", "Two"]),
        # nothing around tells apart what stands in one block
        ("both", ["Attention", "Attention2", "Both", "Two"]),
    ],
)
def test_a_name_says_no_more_than_it_must(pattern: str, names: list[str]) -> None:
    depth = str(pattern.count(",") + 1)
    text = TWO.replace("PATTERN", pattern).replace("DEPTH", depth)
    assert classes(api.Architecture(load_text(text))) == names
