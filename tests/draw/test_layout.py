"""The layout as plain data: what a model means is where things stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tfspec
from tests.draw.figures import BUNDLED, loaded, of
from tests.draw.picture import picture, wrong
from tfspec.graph.trace import inner_traces
from tfspec.passes.draw.fit import columns
from tfspec.passes.draw.layout import Placer
from tfspec.passes.draw.measure import Spacing, points
from tfspec.passes.draw.parts import Box, Card, End, Fan, Series, Start, boxes
from tfspec.passes.draw.wiring import wiring


def outline(series: Series) -> list[object]:
    """A series in words: boxes by title, cards and branches as lists."""
    found: list[object] = []
    for item in series.items:
        match item:
            case Card():
                found.append({f"{item.title} × {item.count}": outline(item.body)})
            case Fan():
                join = item.join.title if item.join is not None else ""
                found.append([outline(branch) for branch in item.branches] + [join])
            case Box():
                found.append(item.title)
            case Start() | End():
                found.append(f"({item.text})")
            case _:
                found.append("...")
    return found


PARALLEL = """
tfspec: 1
name: parallel
dims: {B: batch, T: 1..64, d: 8, L: 2}
inputs: {tokens: ids(11) B T}
blocks:
  layer:
    norm: {at: pre}
    do: [{par: [{attend: {heads: 2, mask: causal}}, {ffn: {hidden: 32, act: relu}}]}]
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]}
outputs: {logits: [text, {linear: 11}]}
"""


def test_a_residual_is_an_empty_branch() -> None:
    (column,) = loaded("gpt2").draw().figure.columns
    attention = [[], ["LayerNorm", "Multi-head attention"], "+"]
    mlp = [[], ["LayerNorm", "MLP, GELU (tanh)"], "+"]
    assert outline(column) == [
        "(tokens)", "Embedding", "Positions", {"Layer × 12": [attention, mlp]},
        "LayerNorm", "Linear", "(logits)",
    ]  # fmt: skip


def test_parallel_branches_are_one_sum() -> None:
    figure = of(PARALLEL).draw().figure
    (card,) = figure.cards()
    branches = [[], ["LayerNorm", "Multi-head attention"], ["LayerNorm", "MLP, ReLU"]]
    assert outline(card.body) == [[*branches, "+"]]
    assert wrong(picture(of(PARALLEL).draw(cost="flops").svg())) == []


def test_a_sum_of_branches_and_their_residual_is_one_sum() -> None:
    for name in ("palm-540b", "vit-22b"):
        drawing = loaded(name).draw()
        (card,) = drawing.figure.cards()
        titles = [box.title for box in boxes(card.body)]
        assert titles.count("+") == 1
        (join,) = (
            stop for stop in wiring(drawing.figure).stops if getattr(stop, "title", "") == "+"
        )
        lines = [edge.line for edge in wiring(drawing.figure).edges if edge.target is join]
        assert lines == ["residual", "trunk", "trunk"]
        assert isinstance(join, Box)
        assert len(join.nodes) == 2
    ops = tfspec.load("palm-540b").draw("layer", level="ops").figure
    assert [box.title for box in ops.boxes()].count("+") == 2


def test_parts_have_lanes_of_their_own_within_a_block() -> None:
    drawing = loaded("lxmert").draw("cross")
    (card,) = drawing.figure.cards()
    (lanes,) = (item for item in card.body.items if isinstance(item, Fan))
    assert lanes.columns
    assert lanes.join is not None
    assert (lanes.join.title, lanes.join.knobs) == ("Concat", ("text + image",))
    text, image = (outline(branch) for branch in lanes.branches)
    attention = [[], ["Multi-head attention"], "+"]
    assert text == [
        "take text", [[], ["Cross-attention"], "+"], "LayerNorm",
        attention, "LayerNorm", [[], ["MLP, GELU"], "+"], "LayerNorm",
    ]  # fmt: skip
    assert image == ["take image", *text[1:]]


def test_branches_stand_side_by_side() -> None:
    layout = of(PARALLEL).draw().layout
    places = {box.title: box.rect for box in layout.boxes}
    attention, mlp = places["Multi-head attention"], places["MLP, ReLU"]
    assert attention.right < mlp.x
    (residual,) = [path for path in layout.paths if path.line == "residual"]
    assert max(x for x, _ in residual.points) > mlp.right


def test_an_encoder_and_its_decoder_are_two_columns() -> None:
    drawing = loaded("transformer-base").draw()
    encoder, decoder = drawing.figure.columns
    assert outline(encoder)[0] == "(source)"
    assert outline(decoder)[0] == "(target)"
    assert outline(decoder)[-1] == "(logits)"
    (edge,) = [edge for edge in wiring(drawing.figure).edges if edge.line == "cross"]
    assert (edge.source.title, edge.target.title) == ("LayerNorm", "Cross-attention")
    (path,) = [path for path in drawing.layout.paths if path.line == "cross"]
    cross = next(box for box in drawing.layout.boxes if box.title == "Cross-attention")
    x, y = path.points[-1]
    assert x == cross.rect.x
    assert abs(y - (cross.rect.y + cross.rect.h / 2)) < 1


def test_two_outputs_part_at_the_end() -> None:
    (column,) = loaded("bert-base").draw().figure.columns
    heads = [["(hidden)"], ["take T = 0", "Linear", "tanh", "(pooled)"], ""]
    assert outline(column)[-1] == heads
    sums = [["(tokens)", "Embedding"], ["(segments)", "Embedding"], "+"]
    assert outline(column)[0] == sums


def test_the_trunk_is_straight() -> None:
    layout = loaded("llama-3-8b").draw().layout
    middles = {box.rect.x + box.rect.w // 2 for box in layout.boxes}
    assert len(middles) == 1


def test_a_long_column_goes_on_beside_itself() -> None:
    drawing = loaded("swin-t").draw()
    assert (len(drawing.figure.columns), drawing.cut) == (1, 2)
    first, rest = columns(drawing.figure, points(), 2).columns
    assert outline(first)[0] == "(pixels)"
    assert outline(rest)[0] == "..."
    assert outline(first) + outline(rest)[1:] == outline(drawing.figure.columns[0])
    lengths = [sum(1 for _ in boxes(column)) for column in (first, rest)]
    assert min(lengths) >= 5


SHORT = """
tfspec: 1
name: short
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T, segments: ids(2) B T, seen: float B T (20)}
streams: {text: [{sum: [[tokens, {embed: d}], [segments, {embed: d}], [seen, {linear: d}]]}, norm]}
outputs: {hidden: [text, {linear: 400}, relu, {linear: d}]}
"""


def test_short_chains_of_inputs_stand_over_each_other_where_room_is_scarce() -> None:
    page = of(SHORT).draw()
    close = replace(page, spacing="stacked")
    beside, over = ({text.text: text for text in each.layout.texts} for each in (page, close))
    names = ("tokens", "segments", "seen")
    assert len({beside[name].y for name in names}) == 1
    assert over["tokens"].y > over["segments"].y > over["seen"].y
    assert over["seen"].x - over["tokens"].x < (beside["seen"].x - beside["tokens"].x) / 2
    assert wrong(picture(close.svg())) == []


def test_a_column_is_cut_where_text_gets_much_larger() -> None:
    swin = loaded("swin-t").draw(width="column")
    whole, cut = (replace(swin, cut=count) for count in (1, 2))
    assert (swin.cut, swin.spacing) == (2, "narrow")
    assert (whole.fitting, round(cut.scale, 2)) == (None, 0.88)
    assert [loaded(name).draw(width="column").cut for name in ("gpt2", "uniter-base")] == [1, 1]


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("spacing", ["loose", "stacked"])
def test_what_a_figure_takes_at_least_is_known_before_it_is_drawn(
    spacing: Spacing, cut: int
) -> None:
    """No figure is smaller than it was measured, so none that fits is passed over."""
    for name in BUNDLED:
        drawing = replace(loaded(name).draw(), spacing=spacing, cut=cut)
        assert drawing.least[0] <= drawing.layout.width, name
        assert drawing.layout.height - 40 <= drawing.least[1] <= drawing.layout.height, name


def test_one_block_is_open_where_two_do_not_fit() -> None:
    tall = of(PARALLEL.replace("{stack: {of: layer, depth: L}}", ", ".join(["{stack: {of: layer, depth: L}}"] * 3)))  # fmt: skip
    assert [card.count for card in tall.draw().figure.cards()] == [2]
    closed = [box for box in tall.draw().figure.boxes() if box.block]
    assert [(box.title, box.count) for box in closed] == [("Layer", 2), ("Layer", 2)]


def test_what_is_opened_is_open() -> None:
    drawing = tfspec.load("llama-3-8b").draw("mlp")
    assert [card.title for card in drawing.figure.cards()] == ["Layer", "Gated MLP, SiLU"]
    inner = list(drawing.figure.cards())[1]
    assert outline(inner.body) == [[["gate", "SiLU"], ["up"], "×"], "down"]
    assert wrong(picture(drawing.svg())) == []


SERIES = """
tfspec: 1
name: series
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T}
blocks:
  near: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  far: {norm: {at: pre}, do: [{ffn: {hidden: 9, act: relu}}]}
streams: {text: [tokens, {embed: d}, {stack: {of: [[near, far]], depth: 3}}]}
outputs: {y: text}
"""


def test_of_a_layer_of_blocks_that_which_reads_another_stream_is_open() -> None:
    """The others read their own, as the blocks of every model do."""
    figure = loaded("flamingo").draw().figure
    assert [card.title for card in figure.cards()] == ["See", "Look, Read", "Look"]
    plain = [card.title for card in of(SERIES).draw().figure.cards()]
    assert plain == ["Near, Far"]


def test_every_op_of_a_module() -> None:
    figure = tfspec.load("gpt2").draw("attention", level="ops").figure
    (column,) = figure.columns
    inner = [[["q"], ["k"], "Scores"], "Softmax"]
    assert outline(column) == ["(x)", [inner, ["v"], "Mix"], "join heads", "out", "(out)"]


def test_dropout_is_an_op_and_no_block() -> None:
    blocks = {box.title for box in loaded("swin-t").draw().figure.boxes()}
    ops = {box.title for box in loaded("swin-t").draw("local", level="ops").figure.boxes()}
    assert "drop path" not in blocks
    assert "drop path" in ops


def test_a_model_without_blocks() -> None:
    plain = of("""
tfspec: 1
name: plain
dims: {B: batch, d: 8}
inputs: {x: float B (d)}
streams: {value: [x, {linear: d}, relu]}
outputs: {y: value}
""")
    for level in ("blocks", "ops"):
        drawing = plain.draw(level=level)
        assert outline(drawing.figure.columns[0]) == ["(x)", "Linear", "ReLU", "(y)"]
        assert wrong(picture(drawing.svg())) == []


def test_weights_brought_along_belong_to_what_uses_them() -> None:
    drawing = tfspec.load("vit-b16").draw(cost="params")
    prepend = next(box for box in drawing.figure.boxes() if box.title == "Prepend cls")
    assert round(drawing.shares[prepend] * 86567656) == 768


ELSEWHERE = {
    "a value from far below": """
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: {at: pre}, do: [{attend: {heads: 2, mask: causal}}]}}
streams:
  text: [tokens, {embed: d}, {mark: early}, {stack: {of: layer, depth: L}}, {sum: [norm, text.early]}]
outputs: {logits: [text, {linear: 11}]}
""",
    "two memories, one with a head": """
dims: {B: batch, T: 1..64, S: 1..64, R: 1..36, d: 8, L: 4}
inputs: {tokens: ids(11) B T, source: ids(7) B S, regions: float B R (20)}
blocks:
  see: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  read: {norm: {at: pre}, do: [{attend: {heads: 2, to: memory}}, {attend: {heads: 2, to: image}}]}
streams:
  memory: [source, {embed: d}, {stack: {of: see, depth: L}}]
  image: [regions, {linear: d}, {stack: {of: see, depth: L}}, norm]
  text: [tokens, {embed: d}, {stack: {of: read, depth: L}}, norm]
outputs: {logits: [text, {linear: 11}], pooled: [image, {pool: mean}, {linear: 3}]}
""",
    "heads of two columns": """
dims: {B: batch, T: 1..64, R: 1..36, d: 8, L: 4}
inputs: {tokens: ids(11) B T, regions: float B R (20)}
blocks: {see: {norm: {at: pre}, do: [{attend: {heads: 2}}]}}
streams:
  text: [tokens, {embed: d}, {stack: {of: see, depth: L}}, norm]
  image: [regions, {linear: d}, {stack: {of: see, depth: L}}, norm]
outputs: {a: [text, {take: {T: 0}}], b: [image, {pool: mean}], c: [text, {pool: mean}]}
""",
    "a memory's middle and its end": """
dims: {B: batch, T: 1..64, S: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T, source: ids(7) B S}
blocks:
  see: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  read: {norm: {at: pre}, do: [{attend: {heads: 2, to: memory.half}}, {attend: {heads: 2, to: memory}}]}
streams:
  memory: [source, {embed: d}, {stack: {of: see, depth: L}}, {mark: half}, {stack: {of: see, depth: L}}]
  text: [tokens, {embed: d}, {stack: {of: read, depth: L}}]
outputs: {logits: [text, {linear: 11}]}
""",
    "a stream that reads its own beginning": """
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T}
blocks:
  see: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  read: {norm: {at: pre}, do: [{attend: {heads: 2, to: base}}]}
streams:
  base: [tokens, {embed: d}, {stack: {of: see, depth: L}}]
  more: [base, {stack: {of: read, depth: L}}]
outputs: {logits: [more, {linear: 11}], other: [base, norm]}
""",
    "a vector that modulates below and above it": """
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T, number: float B (1)}
blocks:
  layer:
    norm: {modulate: vector}
    residual: {gate: {from: vector}}
    do: [{attend: {heads: 2}}, {ffn: {hidden: d, act: relu}}]
  end: {norm: {modulate: vector}, do: [{ffn: {hidden: d, act: relu}}]}
streams:
  vector: [number, {sinusoid: d}, {linear: d}, silu, {linear: d}, norm, {linear: d}, relu, {linear: d}]
  text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}, end, {norm: {modulate: vector}}]
outputs: {logits: [text, {linear: 11}]}
""",
    "a shape beside an edge to elsewhere": """
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T, number: float B (1)}
blocks: {layer: {norm: {modulate: vector}, do: [{ffn: {hidden: d, act: relu}}]}}
streams:
  vector: [number, {sinusoid: 6}]
  text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]
outputs: {scale: [vector, norm, {linear: 7}], logits: [text, {linear: 11}]}
""",
    "a value read three times": """
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T}
streams:
  a: [tokens, {embed: d}]
  b: [{join: [[a, {linear: d}], a, [a, norm, {linear: d}]]}, {linear: d}, {sum: [norm, gelu, a]}]
outputs: {y: b}
""",
}


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_values_from_elsewhere_cross_nothing(text: str) -> None:
    model = of(f"tfspec: 1\nname: elsewhere\n{text}")
    for how in ({}, {"cost": "flops"}, {"direction": "down"}):
        assert wrong(picture(model.draw(**how).svg())) == []
    for spacing in ("tight", "stacked"):
        assert wrong(picture(replace(model.draw(), spacing=spacing).svg())) == []
    figure = model.draw().figure
    assert max(map(len, model.draw().text().splitlines())) <= 100
    drawn = [node for box in figure.boxes() for node in box.nodes]
    primitives = [
        n for n in model.semantics.trace.nodes() if n.inner is None and not inner_traces(n.op)
    ]
    assert sorted(map(id, drawn)) == sorted(map(id, primitives))


def test_a_value_that_is_added_twice_has_two_lanes() -> None:
    drawing = of("""
tfspec: 1
name: twice
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: none, do: [{par: [{attend: {heads: 2}}, {dropout: 0.1}]}]}}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]}
outputs: {logits: [text, {linear: 11}]}
""").draw()
    assert sum(path.line == "residual" for path in drawing.layout.paths) == 2
    assert wrong(picture(drawing.svg())) == []


def test_each_module_of_a_closed_block_has_its_line() -> None:
    layout = loaded("lxmert").draw("read").layout
    shapes = {box.title: box.knobs for box in layout.boxes if box.block}
    assert shapes == {
        "Look × 5": ("Multi-head attention", "MLP, GELU"),
        "Cross × 5": ("Cross-attention", "Multi-head attention", "MLP, GELU"),
    }


def test_a_long_condition_is_broken_and_not_cut() -> None:
    """Of the bundled specs none has a word in a box that is cut."""
    for name in BUNDLED:
        for box in loaded(name).draw().layout.boxes:
            assert "…" not in "".join((box.title, *box.knobs))
    (box,) = (b for b in loaded("dall-e").draw().layout.boxes if b.kind == "attention")
    assert box.knobs == ("h heads × k, causal and (key.text", "or within(W + 1))")


def test_no_knob_stands_alone_below_a_full_line() -> None:
    (box,) = (b for b in loaded("llama-3-8b").draw().layout.boxes if b.kind == "attention")
    assert box.knobs == ("h heads × k, g KV heads", "RoPE, causal")


def test_a_norm_of_queries_and_keys_is_said() -> None:
    box = next(
        each for each in loaded("qwen3-8b").draw().figure.boxes() if each.kind == "attention"
    )
    assert any("QK norm" in knob for knob in box.knobs)


def test_a_long_condition_beside_other_knobs_takes_lines_of_its_own() -> None:
    attend = "{attend: {heads: 4, kv_heads: 2, qk_norm: head, rope: 10000, mask: causal and (within(8) or key.mem)}}"
    drawing = of(f"""
tfspec: 1
name: remembers
dims: {{B: batch, T: 1..64, d: 64, L: 4}}
inputs: {{tokens: ids(11) B T}}
blocks: {{layer: {{norm: {{at: pre}}, do: [{attend}]}}}}
streams: {{text: [tokens, {{embed: d}}, {{prepend: mem}}, {{stack: {{of: layer, depth: L}}}}]}}
outputs: {{logits: [text, {{linear: 11}}]}}
""").draw()
    (box,) = (each for each in drawing.layout.boxes if each.kind == "attention")
    assert box.knobs[-2:] == ("causal and (within(8)", "or key.mem)")
    assert wrong(picture(drawing.svg())) == []


def test_the_trunk_goes_straight_into_a_box_that_also_reads_another_column() -> None:
    layout = loaded("perceiver").draw("look").layout
    middles = [box.rect.x + box.rect.right for box in layout.boxes]
    titles = [box.title for box in layout.boxes]
    trunk = middles[titles.index("latents")]
    norms = [at for title, at in zip(titles, middles, strict=True) if title == "LayerNorm"]
    assert middles[titles.index("Cross-attention")] == trunk
    assert sorted(at - trunk for at in norms)[-2:] == [0, 0]
    assert min(norms) < trunk


def test_words_of_a_block_keep_clear_of_its_second_line_however_close_a_figure_is() -> None:
    block = Box("Think × 48", "other", "box", (), loaded("gpt2").semantics.inputs[0], block=True)
    for spacing in ("narrow", "stacked"):
        m = points(spacing=spacing)
        widths = [Placer(m).natural_of(replace(block, block=each)) for each in (True, False)]
        assert widths[0] == widths[1] + 2
