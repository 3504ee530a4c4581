"""A model as a networkx graph: what is asked of it in one line, for every bundled spec."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import networkx as nx
import pytest

import tfspec
from tests.draw.figures import BUNDLED, loaded
from tfspec.api import Architecture
from tfspec.graph.trace import inner_traces
from tfspec.spec.load import load_text


def test_gpt2_as_a_graph() -> None:
    graph = loaded("gpt2").graph()
    assert next(iter(nx.topological_sort(graph))) == "tokens"
    assert graph.nodes["blocks.*.attention.q"] == {
        "kind": "linear",
        "op": "ToHeads",
        "label": "q",
        "shape": "[B, h, T, k]",
        "symbols": ("B", "h", "T", "k"),
        "count": 12,
        "inside": ("blocks.*", "blocks.*.attention"),
        "params": 12 * (768 * 768 + 768),
        "flops": "2·B·L·T·d²",
    }
    assert graph.nodes["tokens"] == {
        "kind": "input", "op": "", "label": "tokens", "shape": "[B, T]", "symbols": ("B", "T"),
        "count": 1, "inside": (), "params": 0, "flops": "0",
    }  # fmt: skip
    assert graph.edges["blocks.*.attention.scores", "blocks.*.attention.softmax"] == {
        "shape": "[B, h, T, T]", "symbols": ("B", "h", "T"), "operands": (0,),
    }  # fmt: skip
    assert nx.has_path(graph, "tokens", "logits")
    assert graph.graph["name"] == "gpt2"
    assert graph.graph["params"] == 124439808
    assert graph.graph["streams"] == {"text": "norm"}
    assert graph.graph["symbols"]["k"] == "d/h"
    assert graph.graph["modules"]["blocks.*.mlp"] == {
        "kind": "FeedForward", "count": 12, "params": 56669184,
    }  # fmt: skip


@pytest.mark.parametrize("name", BUNDLED)
def test_it_is_the_whole_model_and_nothing_loops(name: str) -> None:
    spec, graph = loaded(name), loaded(name).graph()
    assert nx.is_directed_acyclic_graph(graph)
    assert sum(params for _, params in graph.nodes(data="params")) == spec.check().params
    steps = [n for n in spec.semantics.trace.nodes() if n.inner is None and not inner_traces(n.op)]
    kinds = [kind for _, kind in graph.nodes(data="kind") if kind not in ("input", "output")]
    assert len(kinds) == len(steps)
    assert set(graph.graph["modules"]) == {p for _, of in graph.nodes(data="inside") for p in of}


@pytest.mark.parametrize("name", BUNDLED)
def test_every_stream_comes_from_inputs_and_every_output_from_a_stream(name: str) -> None:
    spec, graph = loaded(name), loaded(name).graph()
    kinds = dict(graph.nodes(data="kind"))
    streams = graph.graph["streams"]
    assert set(streams) == set(map(str, spec.semantics.spec.streams))
    reached = {n for i in kinds if kinds[i] == "input" for n in (i, *nx.descendants(graph, i))}
    assert set(streams.values()) <= reached
    for output in (n for n in kinds if kinds[n] == "output"):
        assert nx.ancestors(graph, output) & set(streams.values())
    assert not any(degree == 0 for _, degree in graph.degree())


@pytest.mark.parametrize("name", ["gpt2", "mixtral-8x7b", "swin-t", "transformer-base"])
def test_flops_of_all_steps_are_the_models(name: str) -> None:
    """The formulas, evaluated as text at the sizes that `cost` takes."""
    cost, graph = loaded(name).cost(), loaded(name).graph()
    texts = [flops for _, flops in graph.nodes(data="flops")]
    assert set(cost.values) <= set(graph.graph["symbols"]) | {cost.graph.slots_name}
    assert sum(_value(text, cost.values) for text in texts) == cost.number(cost.work.forward)


def _value(text: str, values: Mapping[str, int]) -> Fraction:
    plain = text.replace("·", "*").replace("²", "**2").replace("³", "**3")
    return Fraction(eval(plain, {}, {name: Fraction(size) for name, size in values.items()}))


def test_flags_lead_to_what_their_mask_hides() -> None:
    edges = loaded("bert-base").graph().out_edges("valid", data="operands")
    assert list(edges) == [("valid", "blocks.*.attention.softmax", ())]


def test_a_value_that_is_read_twice_is_one_edge() -> None:
    spec = tfspec.load("gpt2")
    graph = spec.graph()
    assert graph.edges["pos", "blocks.*.+"]["operands"] == (0,)
    assert graph.edges["blocks.*.attention.out", "blocks.*.+"]["operands"] == (1,)


def test_shared_weights_count_once() -> None:
    graph = loaded("gpt2").graph()
    assert (graph.nodes["words"]["params"], graph.nodes["words 2"]["params"]) == (50257 * 768, 0)


def test_experts_that_are_chosen_stand_where_they_run() -> None:
    graph = loaded("mixtral-8x7b").graph()
    (heaviest, _) = max(graph.nodes(data="params"), key=lambda each: each[1])
    assert graph.nodes[heaviest]["inside"] == ("blocks.*", "blocks.*.mlp")
    assert graph.nodes[heaviest]["params"] == 32 * 8 * 4096 * 14336


def test_a_wrong_spec_has_no_graph() -> None:
    with pytest.raises(tfspec.SpecError, match="TS"):
        tfspec.load("gpt2", {"h": 7}).graph()


RANDOM = """\
tfspec: 1
name: F
dims: {E: batch, w: 6, block: 2, U: 3, slots: 1..3, kv: U // 3, print: w // 2, nn: 11}
inputs: {input: bool E U}
blocks:
  nn_block:
    norm: {kind: l2}
    do:
    - - {scale: 2 / (1 + w)}
      - linear: {width: U // 1, share: table}
    - par:
      - attend:
          heads: print
          bias: [out]
      - - {scale: -1.5}
        - {scale: 2}
        - {scale: print ** -0.5}
    - par:
      - ffn: {hidden: 11, act: gelu_tanh, bias: false}
      - ffn: {hidden: nn, act: gelu}
    bias: false
streams:
  modules:
  - learn:
      axes: {Q: 3}
      width: U // 1
  - merge: {Q: kv}
  - stack: {of: nn_block, depth: (block)}
  - concat:
      left:
      - norm: {eps: 0.001}
      right: [sigmoid]
outputs:
  to:
  - modules
  - linear: {width: kv, share: words}
  forward:
  - modules
  - norm: {affine: true}
  - linear: {width: 8}
"""


def test_sizes_of_which_none_goes_into_another_have_costs() -> None:
    """A random spec, for which no name of a size was found."""
    model = Architecture(load_text(RANDOM))
    flops = [text for _, text in model.graph().nodes(data="flops")]
    assert len(flops) > 40
    assert model.cost().number(model.cost().work.forward) > 0
