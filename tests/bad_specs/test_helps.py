"""What a message says to do is done to the spec, and the message is gone.

A help that names a declaration, a word or a value is applied as it reads; one that needs a hand is in
BY_HAND. Helps in prose are left to readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bad_specs.test_bad_specs import FILES, session
from tfspec.cli import main

Found = dict[str, Any]
Mend = Callable[[str, Found, re.Match[str]], str]


def spec_of(path: Path) -> str:
    return path.read_text("utf-8").partition("\n# $ tfspec ")[0] + "\n"


def declared(text: str, found: Found, help: re.Match[str]) -> str:
    """The spec with a dim declared so."""
    name = re.escape(help[1])
    dim = re.compile(rf"(?<=[{{ ]){name}: [^,}}]*(?=[,}}])")
    changed, count = dim.subn(f"{help[1]}: {help[2]}", text, count=1)
    return changed if count else text.replace("dims: {", f"dims: {{{help[1]}: {help[2]}, ", 1)


def underlined(text: str, found: Found, new: str) -> str:
    """The spec with this in place of what is underlined."""
    lines = text.split("\n")
    assert found["line"] == found["end_line"]
    line, start, end = lines[found["line"] - 1], found["column"] - 1, found["end_column"] - 1
    lines[found["line"] - 1] = line[:start] + new + line[end:]
    return "\n".join(lines)


def replaced(text: str, found: Found, help: re.Match[str]) -> str:
    return underlined(text, found, help[1])


def left_out(text: str, found: Found, help: re.Match[str]) -> str:
    """The spec without the entry or item that is underlined; a pair of braces goes with its step."""
    lines = text.split("\n")
    line, start = lines[found["line"] - 1], found["column"] - 1
    depth, end = 0, start
    while depth or line[end] not in ",}]":
        depth += (line[end] in "{[") - (line[end] in "}]")
        end += 1
    while line[start - 1] == "{" and line[end] == "}":
        start, end = start - 1, end + 1
    head, tail = line[:start], line[end:]
    head, tail = (head[:-2], tail) if head.endswith(", ") else (head, tail.removeprefix(", "))
    lines[found["line"] - 1] = head + tail
    return "\n".join(lines)


def assumed(text: str, found: Found, help: re.Match[str]) -> str:
    return f"{text}{help[1]}\n"


def given(text: str, found: Found, help: re.Match[str]) -> str:
    """The spec with this number in place of what is underlined, or of the dim that is named there."""
    line = text.split("\n")[found["line"] - 1]
    word = line[found["column"] - 1 : found["end_column"] - 1]
    dim, count = re.subn(rf"(?<=[{{ ]){word}: \d+(?=[,}}])", f"{word}: {help[1]}", text, count=1)
    is_set = re.search(rf"[ ,]{word}=", found["call"])
    return dim if count and not is_set else replaced(text, found, help)


MENDS: list[tuple[str, Mend]] = [
    (r"declare `(\w+): (.*)`", declared),
    (r"give `(\w+)` one value, or a largest one: `\w+: (.*)`", declared),
    (r"did you mean `(.*)`\?", replaced),
    (r"write `([^`]+)`(?: to .*)?", replaced),
    (r"write ([0-9.]+)", replaced),
    (r"take ([0-9]+)(?:,| or) .*", replaced),
    (r"(?:kv_)?heads that divide \d+: .*?(\d+)", given),
    (r"groups that \d+ experts can be put into: .*?(\d+)", given),
    (r"use (\d+) (?:at most|or more)", given),
    (r"`(?:partial: )?([^`]*)` turns \d+", replaced),
    (r"use an (even) width", lambda text, *_: text.replace("d: 63", "d: 64")),
    (r"leave (?:it|`\w+`) out(?: here)?", left_out),
    (r".*`(assume: .*)`", assumed),
]
BY_HAND: dict[tuple[str, str], tuple[str, str]] = {
    # file, how its help begins: what in the spec becomes what
    ("pool_over_axes", "its axes"): ("frames, {pool: {mean: W}}", "frames, {pool: {mean: F}}"),
    ("pool_without_a_kind", "over axes"): ("pool: [H, W]", "pool: {mean: [H, W]}"),
    ("pool_without_a_kind", "write"): ("{pool: {mean: H, max: W}}", "{pool: {mean: H}}, {pool: {max: W}}"),
    ("knobs_beside_their_place", "`freeze` is"): ("[tokens, {embed: d, freeze: true}]", "{do: [tokens, {embed: d}], freeze: true}"),
    ("knobs_beside_their_place", "known"): ("learned, learned: T", "learned, key: {learned: T}"),
    ("offsets_of_norms", "say"): ("layer, offset: 1", "layer, offset: 1, bias: false"),
    ("not_yet_in_streams", "`take` one"): ("{prepend: cls}, {pool:", "{pool:"),
    ("zeros_of_an_unknown_value", "the inputs"): ("zeros: nope", "zeros: text"),
    ("stream_that_reads_itself", "name another"): ("zeros: queries", "zeros: text"),
    ("stream_that_reads_itself", "repeat"): ("[norm, round]", "{do: [ffn: {hidden: d, act: relu}]}"),
    ("no_axis_at_all", "name one"): (", per: []", ""),
    ("knobs_in_other_places", "axes stand"): ('"ids(V) [B, T]"', "ids(V) B T"),
    ("knobs_in_other_places", "`freeze` is"): (", {freeze: true}", ""),
    ("knobs_in_other_places", "`rows` is"): ("learned, rows: 100", "{learned: T, rows: 100}"),
    ("knobs_in_other_places", "`share` is"): ("linear: V, share: words", "linear: {width: V, share: words}"),
    ("knobs_in_other_places", "write"): ("12M", "12e6"),
    ("window_by_layer", "`i` counts"): ("8 * (i + 1)", "8"),
    ("window_by_layer", "the inputs"): ("more0", "text"),
    ("branch_of_another_width", "end"): ("gelu]", "gelu, {linear: d}]"),
    ("parallel_branch_of_another_width", "end"): ("gelu]", "gelu, {linear: d}]"),
    ("branch_of_other_tokens", "do it"): (
        "- [{prepend: cls}, {linear: d}]\nstreams:\n  text: [tokens, {embed: d},",
        "- [{linear: d}]\nstreams:\n  text: [tokens, {embed: d}, {prepend: cls},",
    ),
    ("parts_of_several_widths", "or give both"): ("{embed: d / 2}", "{embed: d / 2}, {linear: d}"),
    ("sum_of_different_widths", "end"): ("{embed: e}", "{embed: e}, {linear: d}"),
    ("concat_of_one_name", "name them"): ("[text, text]", "{a: text, b: text}"),
    ("join_of_different_tokens", "`concat`"): (
        "{join: [[tokens, {embed: d}], [others, {embed: d}]]}",
        "{concat: {a: [tokens, {embed: d}], b: [others, {embed: d}]}}",
    ),
    ("layer_that_adds_a_part", "run it"): ("{stack: {of: more, depth: 4}}", "more"),
    ("layer_that_changes_the_width", "run it"): ("{stack: {of: half, depth: 4}}", "half"),
    ("layer_index_between_layers", "a list block"): ("{dropout: 0.1 * i / n}", "{dropout: 0.1}"),
    ("drop_path_of_one", "`i / (n - 1)`"): ("0.2 * i", "0.2 * i / (n - 1)"),
    ("positions_that_do_not_fit", "end it"): ("key: narrow", "key: [narrow, {linear: d}]"),
    ("positions_that_do_not_fit", "leave `pos` out"): (", pos: {query: learned}}}]", "}}]"),
    ("mark_before_its_place", "read it"): (
        "{sum: [text.m, {linear: d}]}, {mark: m}",
        "{mark: m}, {sum: [text.m, {linear: d}]}",
    ),
    ("pos_of_a_single_token", "leave"): (", {pos: learned}", ""),
    ("part_twice", "give"): ("{prepend: cls}, {stack", "{prepend: reg}, {stack"),
    ("absent_part_in_take", "`prepend"): ("[text, {take", "[text, {prepend: cls}, {take"),
    ("take_of_an_unknown_part", "`prepend"): ("[text, {take", "[text, {prepend: cls}, {take"),
    ("pattern_does_not_divide_depth", "give"): ("depth: 5", "depth: 4"),
    ("pattern_does_not_divide_a_dim", "give"): ("L: 7", "L: 8"),
    ("heads_do_not_divide", "or give"): ("{heads: h,", "{heads: h, head_dim: 64,"),
    ("rope_of_an_odd_head", "use"): ("rope: 10000", "rope: {base: 10000, partial: 14 / 15}"),
    ("rope_axes_that_do_not_share", "use"): ("base: 100,", "base: 100, partial: 16 / 18,"),
    ("rope_of_an_odd_head_dim", "use"): ("head_dim: 1", "head_dim: 2"),
    ("sinusoids_that_two_axes_cannot_share", "use"): ("d: 66", "d: 68"),
    ("shift_of_a_whole_window", "shift by"): ("shift: {H: win", "shift: {H: 7"),
    ("shift_without_a_window", "add it"): ("window: {H: win}", "window: {H: win, W: win}"),
    ("table_shorter_than_the_longest", "give it"): (", rows: R", ", rows: 1024"),
    ("table_shorter_with_its_offset", "give it"): (", rows: 512", ", rows: 514"),
    ("two_tables_in_one_step", "write one"): (
        "{pos: {learned: H + W}}",
        "{pos: {learned: H}}, {pos: {learned: W}}",
    ),
    ("rel_bias_without_a_limit", "T5"): ("{buckets: 32}", "{buckets: 32, max: 128}"),
    ("rel_bias_of_no_kind", "write"): ("rel_bias: {}", "rel_bias: {buckets: 32, max: 128}"),
    ("buckets_beyond_their_limit", "take"): ("max: 16", "max: 17"),
    ("activation_of_none", "give"): ("act: none", "act: gelu"),
    ("latent_without_kv", "add"): ("{q: 8, rope: 4}", "{kv: 16, q: 8, rope: 4}"),
    ("rope_without_a_base", "add"): ("{partial: 0.5}", "{base: 10000, partial: 0.5}"),
    ("rope_scaling_without_its_knobs", "add"): (
        "{kind: llama3,",
        "{kind: llama3, original_length: 8192,",
    ),
    ("width_of_a_batch", "leave"): ("B * d", "d"),
    ("width_of_a_range", "give"): ("d: 32..64", "d: 64"),
    ("depth_of_a_range", "give"): ("L: 1..12", "L: 12"),
    ("exact_division", "`//`"): ("d / 3", "d // 3"),
    ("exact_division_in_dims", "`//`"): ("d / 3", "d // 3"),
    ("exact_division_of_a_range", "`//`"): ("T / 2", "1 + T // 2"),
    ("linear_on_ids", "`embed`"): ("{linear: d}", "{embed: d}, {linear: d}"),
    ("norm_on_ids", "`embed`"): ("[tokens, norm, {embed: d}", "[tokens, {embed: d}, norm"),
    ("block_on_ids", "`embed`"): ("[tokens, ", "[tokens, {embed: d}, "),
    ("attend_to_ids", "`embed`"): ("to: source", "to: [source, {embed: d}]"),
    ("sum_of_ids", "`embed`"): (
        "{sum: [tokens, others]}, {embed: d}",
        "{sum: [[tokens, {embed: d}], [others, {embed: d}]]}",
    ),
    ("embed_on_vectors", "`linear`"): ("{embed: d}, {embed: d}", "{embed: d}, {linear: d}"),
    ("causal_on_cross_attention", "leave"): ("causal and key.valid}\nstreams", "key.valid}\nstreams"),
    ("within_on_cross_attention", "leave"): ("mask: within(8)", "mask: key.valid"),
    ("shared_weights_of_unequal_shapes", "equal"): ("width: d, share: words}}]", "width: d}}]"),
    ("knobs_beside_their_step", "indent"): (
        "heads: h\n        mask: causal",
        "  heads: h\n          mask: causal",
    ),
    ("steps_without_dashes", "write each"): (
        "tokens:\n    embed: d\n    pos: learned\n    stack: {of: layer, depth: L}\n    norm:",
        "- tokens\n    - embed: d\n    - pos: learned\n    - stack: {of: layer, depth: L}\n    - norm",
    ),
    ("dims_as_a_list", "leave the dashes"): ("  - ", "    "),
    ("mask_as_a_list", "join"): ("[causal, key.valid]", "causal and key.valid"),
    ("mask_called_padding", "conditions"): ("mask: padding", "mask: key.valid"),
    ("fraction_of_a_width", "2.5"): ("2.5 * d", "5 * d / 2"),
    ("block_used_as_a_step", "`layer`"): ("layer: 12", "stack: {of: layer, depth: 2}"),
    ("dim_of_any_size", "a size"): ("T: any", "T: 1..512"),
    ("a_pipeline_without_a_source", "begin"): ("[{embed: d}", "[tokens, {embed: d}"),
    ("extends_outside", "put"): ("../other.yaml", "gpt2"),
    ("experts_without_top_k", "give"): ("experts: 8", "experts: 8, top_k: 2"),
    ("router_that_learns_nothing", "keep"): ("k: 1}", "k: 1, router: {renorm: false}}"),
    ("groups_half_given", "give `top_groups`"): ("{groups: 4", "{groups: 4, top_groups: 2"),
    ("groups_half_given", "give `groups`"): ("{top_groups", "{groups: 4, top_groups"),
    ("experts_of_a_range", "give"): ("T: 1..512", "T: 8"),
    ("not_yet_in_streams", "write the axes"): ("pos: sinusoidal", "pos: {sinusoidal: T}"),
    ("shared_name_of_two_kinds", "give"): ("act: gelu, share: words", "act: gelu, share: mlp"),
    ("label_that_an_axis_has_not", "its labels"): ("{side: left}", "{side: up}"),
    ("label_that_an_axis_has_not", "write an index"): ("{T: left}", "{T: 0}"),
    ("similarity_of_two_widths", "end"): ("{linear: e}", "{linear: d}"),
    ("take_by_conditions", "give an index"): (
        "{T: first(pos >= 0)}}]\n  no: [text, {take: {T: last(tokens == V + 1)}",
        "{T: 0}}]\n  no: [text, {take: {T: 0}",
    ),
    ("take_by_conditions", "compare"): ("first(causal)", "first(pos >= 1)"),
    ("take_by_conditions", "they have"): (
        "first(tokens == end)}}]\n  unflagged: [words, {take: {S: first(valid)",
        "first(others == end)}}]\n  unflagged: [words, {take: {S: last(others == end)",
    ),
    ("positions_beyond_the_tokens", "give `keep`"): ("ids(P)", "ids(T)"),
    ("positions_beyond_the_tokens", "give `late`"): ("ids(T + 2)", "ids(T + 1)"),
    ("take_at_positions", "declare `keep`"): ("keep: float B", "keep: ids(T) B"),
    ("take_at_positions", "declare `seen`"): ("seen: bool B", "seen: ids(T) B"),
    ("take_at_positions", "declare its axes"): ("ids(T) K B", "ids(T) B K"),
    ("take_at_positions", "declare one of them"): ("ids(T) B A K", "ids(T) A B K"),
    ("latent_half_given", "or say how many"): ("{kv: 16}", "{kv: 16, rope: 4}"),
    ("latent_half_given", "or give the base"): ("rope: 4}}", "rope: 4}, rope: 10000}"),
    ("latent_half_given", "use an even"): ("rope: 5", "rope: 6"),
    ("not_yet_beside_a_latent", "write `bias"): (
        "bias: [v, out]}\n  biased: {do:",
        "bias: [out]}\n  biased: {bias: false, do:",
    ),
    ("sinusoids_of_a_vector", "`linear"): ("[state,", "[state, {linear: 1},"),
    ("sinusoids_of_a_vector", "use an"): ("d + 1", "d + 2"),
    ("modulation_by_other_tokens", "`pool`"): ("words}", "[words, {pool: mean}]}"),
    ("gates_by_other_values", "`pool`"): ("[words, relu]", "[words, {take: {S: 0}}]"),
    ("gates_by_other_values", "`embed`"): ("tokens}", "[tokens, {embed: d}]}"),
    ("gates_by_other_values", "a `tanh`"): ("{kind: tanh, from: words}", "tanh"),
    ("zeros_of_what_is_not_there", "leave"): ("[gate, modulate, layer.modulate, logits.linear, text.linear]", "logits.linear"),
    ("zips_that_do_not_fit", "give the new axis"): ("{zip: {T:", "{zip: {side:"),
}  # fmt: skip


MORE_TO_DO = {"rope_scaling_of_another_kind"}
"""Where a help leads to more messages: the kind that is meant has knobs of its own."""


def told(command: list[str], capsys: pytest.CaptureFixture[str]) -> list[Found]:
    """The diagnostics of a call."""
    main([*command, "--format", "json"])
    said = capsys.readouterr()
    assert "a bug in tfspec" not in said.err
    (spec,) = json.loads(said.out)["specs"]
    return spec["diagnostics"]


def mended(path: Path, text: str, found: Found) -> Iterator[tuple[str, str]]:
    """Each help of a message that can be applied, and the spec where it is."""
    for help in found["help"]:
        for (name, start), (old, new) in BY_HAND.items():
            if name == path.stem and help.startswith(start):
                assert old in text, (name, old)
                every = -1 if name == "dims_as_a_list" else 1
                yield help, text.replace(old, new, every)
                break
        else:
            for pattern, mend in MENDS:
                if found["line"] and (match := re.fullmatch(pattern, help)):
                    yield help, mend(text, found, match)
                    break


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_help_helps(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, text = session(path)[0], spec_of(path)
    monkeypatch.chdir(tmp_path)
    Path(path.name).write_text(text, "utf-8")
    before = told(command, capsys)
    for found in before:
        for help, changed in mended(path, text, {**found, "call": " ".join(command)}):
            Path(path.name).write_text(changed, "utf-8")
            after = told(command, capsys)
            assert (found["code"], found["message"]) not in [
                (each["code"], each["message"]) for each in after
            ], (help, changed)
            errors = [each["message"] for each in after if each["severity"] == "error"]
            assert len(errors) <= len(before) or path.stem in MORE_TO_DO, (help, errors)


def test_what_is_done_by_hand_is_said_somewhere() -> None:
    said = {path.stem: re.findall(r"= help: (.*)", session(path)[1]) for path in FILES}
    for name, start in BY_HAND:
        assert any(help.startswith(start) for help in said[name]), (name, start)


def test_most_helps_are_tried() -> None:
    helps = [help for path in FILES for help in re.findall(r"= help: (.*)", session(path)[1])]
    tried = [help for help in helps if any(re.fullmatch(pattern, help) for pattern, _ in MENDS)]
    assert len(tried) + len(BY_HAND) > 0.6 * len(helps)
