"""A figure as a networkx graph: what is asked of it in one line."""

from __future__ import annotations

import networkx as nx

import tfspec
from tests.draw.figures import loaded


def test_gpt2_as_a_graph() -> None:
    graph = loaded("gpt2").draw().networkx()
    assert nx.is_directed_acyclic_graph(graph)
    assert next(iter(nx.topological_sort(graph))) == "tokens"
    attention = graph.nodes["Multi-head attention"]
    assert attention == {
        "title": "Multi-head attention",
        "kind": "attention",
        "knobs": ("h heads × k", "causal"),
        "count": 1,
        "inside": (("Layer", 12),),
        "shape": "[B, T, d]",
        "params": 12 * (4 * 768 * 768 + 4 * 768),
        "flops": 12 * (8 * 1024 * 768 * 768 + 4 * 1024 * 1024 * 768),
    }
    assert graph.edges["tokens", "Embedding"] == {"shape": "[B, T]", "line": "trunk"}
    assert graph.edges["Positions", "+"]["line"] == "residual"
    assert nx.has_path(graph, "tokens", "logits")


def test_all_of_it_is_the_whole_model() -> None:
    for name in ("transformer-base", "swin-t", "bert-base"):
        graph = loaded(name).draw().networkx()
        params = sum(params for _, params in graph.nodes(data="params", default=0))
        assert params == loaded(name).check().params
        cost = loaded(name).cost()
        flops = sum(flops for _, flops in graph.nodes(data="flops", default=0))
        assert flops == cost.number(cost.work.forward)


def test_equal_titles_are_numbered() -> None:
    graph = tfspec.draw("gpt2").networkx()
    assert {"LayerNorm", "LayerNorm 2", "LayerNorm 3"} <= set(graph)
    assert len(graph) == 12


def test_the_edge_between_two_columns() -> None:
    graph = loaded("transformer-base").draw().networkx()
    cross = [edge for *edge, line in graph.edges(data="line") if line == "cross"]
    assert cross == [["LayerNorm 2", "Cross-attention"]]
