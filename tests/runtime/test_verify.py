"""`--verify`: that right files pass, and that each kind of wrong file is seen."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import tfspec
from tests.bundled import BY_STRUCTURE, NAMES
from tfspec.cli import main
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text, written
from tfspec.program.program import Program, Style
from tfspec.program.shapes import ShapeWriter
from tfspec.runtime import agree
from tfspec.runtime.comments import Homeless, comments
from tfspec.runtime.draws import free_sizes, inputs, shrunk
from tfspec.runtime.trial import Check, Trial
from tfspec.runtime.verify import verify

GENERATING = ("gpt2", "llama-3-8b", "mistral-7b", "gemma-2-2b", "qwen3-8b", "palm-540b")
GENERATING += ("t5-base", "transformer-base", "flamingo")
CHECKS = ["shape comments", "numbers", "parameters", "full size"]
SMALL = {"d": 24, "h": 3, "L": 2, "V": 11}
SHARED = """
tfspec: 1
name: shared
dims: {B: batch, S: 1..20, T: 1..20, V: 10, d: 12, h: 3, f: 5}
inputs: {a: ids(V) B S, b: ids(V) B T}
blocks:
  one: {share: same, do: [attend: {heads: h}, ffn: {hidden: f, act: gelu}]}
  wide: {do: [ffn: {hidden: 3 * f, act: gelu}, ffn: {hidden: f, act: gelu}]}
streams:
  left: [a, {embed: d}, one, wide]
  right: [b, {embed: d}, one, {attend: {heads: h, to: left}}]
outputs: {x: right}
"""


# four stacks of up to 24 layers on 2,048 tokens take a minute, others some seconds each
LONG = ("video-swin-t", "palm-e-562b", "flamingo", "dall-e", "llava-1.5-7b", "vilbert", "lxmert")


def slowly(names: Iterable[Any], which: Container[Any]) -> list[Any]:
    """All of them, some in the slow tests."""
    return [pytest.param(n, marks=pytest.mark.slow) if n in which else n for n in names]


@pytest.mark.parametrize("name", slowly(BY_STRUCTURE, LONG))
def test_bundled_specs_hold(name: str):
    held(name, "fast")


# every check looks at both styles' numbers; the shapes of the other style's lines are long to run
@pytest.mark.parametrize("name", slowly(NAMES, {*NAMES} - {"gpt2", "transformer-base"}))
def test_bundled_specs_hold_in_the_textbook_form(name: str):
    held(name, "explicit")


def held(name: str, style: Style) -> None:
    report = verify(tfspec.load(name), style=style, seed=5)
    assert report.ok, report.text()
    assert [check.what for check in report.checks] == CHECKS


@pytest.mark.parametrize(
    "name", slowly(GENERATING, {"mistral-7b", "gemma-2-2b", "palm-540b", "flamingo"})
)
def test_bundled_specs_generate(name: str):
    report = verify(tfspec.load(name), parts=("generate",), seed=5)
    assert report.ok, report.text()
    assert [check.what for check in report.checks] == CHECKS


NAMED = """
tfspec: 1
name: named
dims: {B: batch, T: 1..12, V: 13, d: 12}
inputs: {ids: ids(V) B T, maps: float B (5), cache: float B (d)}
streams:
  cond: [maps, {linear: d}]
  text: [ids, {embed: d}, norm: {modulate: cond}, attend: {heads: 2, mask: causal}, norm: {modulate: cache}]
outputs: {y: [text, {linear: V}]}
"""


@pytest.mark.parametrize("part", ["decode", "generate"])
def test_inputs_may_be_called_as_what_decoding_takes(part: str, tmp_path: Path):
    path = tmp_path / "named.yaml"
    path.write_text(NAMED, "utf-8")
    report = verify(tfspec.load(path), style="explicit", parts=(part,))
    assert report.ok, report.text()


def test_letters_of_a_layer_shared_by_two_lengths(tmp_path: Path):
    path = tmp_path / "shared.yaml"
    path.write_text(SHARED, "utf-8")
    report = verify(tfspec.load(path), style="explicit")
    assert report.ok, report.text()


def trial(change: tuple[str, str] | None = None, device: str = "cpu") -> tuple[Check, Check]:
    """What is found in a small gpt2 with generation, one text of it replaced."""
    program = program_of(tfspec.load("gpt2", SMALL).semantics, parts=("generate",))
    source, writers = written(program)
    if change:
        assert source.count(change[0]) >= 1, change
        source = source.replace(*change, 1)
    shapes, weights = Check("shapes"), Check("weights")
    Trial(program, writers, source, "m.py", Random(1)).run(device, shapes, weights)
    return shapes, weights


def line_of(text: str) -> int:
    program = program_of(tfspec.load("gpt2", SMALL).semantics, parts=("generate",))
    lines = written(program)[0].splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def test_the_file_as_it_is_has_no_problem():
    shapes, weights = trial()
    assert (shapes.problems, weights.problems) == ([], [])


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_wrong_comment_is_found_with_its_line_and_both_shapes(device: str):
    right = "q, k, v = x.chunk(3, dim=1)  # [B, h, T, k]"
    shapes, _ = trial((right, right.replace("h, T", "T, h")), device)
    said = r"m\.py:(\d+): `\[B, T, h, k\]` says \[(.*)\], and the tensor is \[(.*)\]"
    found = re.fullmatch(said, shapes.problems[0])
    assert found, shapes.problems
    assert int(found[1]) == line_of(right)
    expected, live = (list(map(int, found[at].split(", "))) for at in (2, 3))
    assert live == [expected[0], expected[2], expected[1], expected[3]]


WRONG = {
    "k, v = cache.update(k, v, position)  # [B, h, N, k]": "# [B, h, T, k]",
    "mask = slots <= position[:, None]  # [T, S]": "# [S, T]",
    "return self.down(F.gelu(self.up(x), approximate=\"tanh\"))  # [B, T, d]": "# [B, T, f]",
    "[:, -1:], self.words.weight)  # [B, 1, V]": "# [B, T, V]",
    "decode(token, position, cache).argmax(-1)  # [B, 1]": "# [B, 2]",
}  # fmt: skip


@pytest.mark.parametrize("right", WRONG)
def test_each_wrong_comment_is_one_problem(right: str):
    wrong = right[: right.index("# [")] + WRONG[right]
    shapes, weights = trial((right, wrong))
    assert len(shapes.problems) == 1, shapes.problems
    assert weights.problems == []


def test_a_wrong_comment_of_a_class_of_several_ranks_is_found():
    """SigLIP's feed-forward takes tokens [B, N, d] and, behind the probe, one [B, d]."""
    program = program_of(tfspec.load("siglip-base", {"d": 24, "h": 3, "f": 40, "L": 2}).semantics)
    source, writers = written(program)
    right = 'approximate="tanh"))  # [..., d]'
    assert right in source
    shapes, weights = Check("shapes"), Check("weights")
    wrong = source.replace(right, right.replace("..., d", "..., f"))
    Trial(program, writers, wrong, "m.py", Random(1)).run("meta", shapes, weights)
    (problem,) = shapes.problems
    assert re.fullmatch(
        r"m\.py:\d+: `\[\.\.\., f\]` says \[.*\], and the tensor is \[.*\]", problem
    )


def test_a_wrong_weight_is_found_where_it_is():
    _, weights = trial(("self.up = nn.Linear(24, 96)", "self.up = nn.Linear(24, 97)"))
    assert weights.problems[0] == ("blocks.0.mlp.up.weight is [97, 24], and the graph has [96, 24]")
    assert any("blocks.1.mlp (FeedForward) has" in problem for problem in weights.problems)


def test_a_file_that_raises_is_a_problem():
    shapes, _ = trial(("unflatten(-1, (-1, 8))", "unflatten(-1, (-1, 7))"))
    assert shapes.problems[0].startswith("m.py does not run: RuntimeError: unflatten: ")
    _, weights = trial(("self.norm = nn.LayerNorm(24)", "self.norm = nn.LayerNorm()"))
    assert weights.problems[0].startswith("m.py does not build: TypeError: ")


def test_a_comment_that_no_run_reaches_is_a_problem():
    code = "        x = self.norm2(x)  # [B, T, d]\n        "
    shapes, _ = trial(
        ("x = x + self.attention(", f"if x is None:\n    {code}x = x + self.attention(")
    )
    assert [p for p in shapes.problems if p.endswith("`[B, T, d]` was never reached")]


def test_a_comment_without_a_statement_is_refused():
    with pytest.raises(Homeless, match="line 2: `# \\[B\\]` belongs to no statement"):
        comments("x = 1\n# [B]\nif x:  # [B]\n    pass\n")


def test_draws_differ_and_are_small():
    architecture = tfspec.load("transformer-base")
    random = Random(0)
    drawn = [shrunk(architecture, random).semantics for _ in range(2)]
    values = [[graph.facts.domains[n].low for n in ("V", "d", "f", "L", "M")] for graph in drawn]
    assert values[0] != values[1]
    assert max(map(max, values)) <= 24
    assert free_sizes(drawn[0], random)["S"] <= 9


@pytest.fixture
def wrong_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer of shape comments that forgets the last axis."""
    right = ShapeWriter.shape
    monkeypatch.setattr(
        ShapeWriter, "shape", lambda self, value: right(self, value).replace(", d]", "]")
    )


@pytest.mark.usefixtures("wrong_writer")
def test_the_command_exits_1_on_a_mismatch(capsys: pytest.CaptureFixture[str]):
    assert main(["build", "gpt2", "--set", "d=24,h=3,L=2,V=11", "--verify"]) == 1
    first, numbers, second, third = capsys.readouterr().out.splitlines()
    assert re.match(r"fail  shape comments: model\.py:\d+: `\[B, T\]` says", first)
    assert numbers.startswith("ok    numbers: ")
    assert second.startswith("ok    parameters: ")
    assert third.startswith("fail  full size: ")


def test_the_command_says_what_holds(capsys: pytest.CaptureFixture[str]):
    assert main(["build", "gpt2", "--set", "d=24,h=3,L=2,V=11", "--verify"]) == 0
    assert capsys.readouterr().out == (
        "ok    shape comments: all 10 hold in forward, at 2 draws of sizes\n"
        "ok    numbers: fast and explicit agree to 1e-09 in float64, at 2 draws of sizes\n"
        "ok    parameters: 39,336 in 28 tensors, as in the graph, module by module, at 2 draws of "
        "sizes and at full size\n"
        "ok    full size: all 10 hold on the meta device at B = 2, T = 1024\n"
    )


@pytest.mark.parametrize("wrong", [("F.gelu(", "F.relu("), ("self.norm1(x)", "x")])
def test_another_model_in_one_style_is_seen(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, str]
):
    texts: list[str] = []

    def changed(program: Program) -> str:
        text = file_text(program)
        texts.append(text if texts else text.replace(*wrong, 1).replace(', approximate="tanh"', ""))
        return texts[-1]

    monkeypatch.setattr(agree, "file_text", changed)
    program = program_of(tfspec.load("gpt2", SMALL).semantics)
    given = inputs(program.graph, free_sizes(program.graph, Random(0)), "cpu")
    other = program_of(program.graph, style="explicit")
    assert agree.distance(program, other, given, 0) > agree.CLOSE


def test_the_styles_agree_on_sums_in_another_order_only():
    program = program_of(tfspec.load("gpt2", SMALL).semantics)
    given = inputs(program.graph, free_sizes(program.graph, Random(0)), "cpu")
    apart = agree.distance(program, program_of(program.graph, style="explicit"), given, 0)
    assert apart < agree.CLOSE
