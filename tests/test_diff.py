"""`tfspec diff`: whole outputs, no difference where there is none, and no knob that is invisible."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

import tfspec
from tfspec import zoo
from tfspec.cli import main
from tfspec.layers.base import Layer, steps
from tfspec.layers.stack import Pattern
from tfspec.passes.diff.align import align
from tfspec.passes.diff.diff import _steps as differences  # pyright: ignore[reportPrivateUsage]
from tfspec.passes.diff.knobs import Reader, changes
from tfspec.passes.diff.steps import Steps
from tfspec.passes.diff.text import COLUMNS
from tfspec.spec.located import Located
from tfspec.spec.schema import BlockDecl, Init
from tfspec.spec.wrong import Wrong

ROOT = Path(__file__).parents[1]
GPT2 = (ROOT / "specs" / "gpt2.yaml").read_text()
SMALL = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..8, V: 11, d: 8, h: 2, L: 2}
inputs: {tokens: ids(V) B T, valid: bool B T}
blocks:
  layer:
    norm: {at: pre}
    do:
      - attend: {heads: h, mask: causal}
      - ffn: {hidden: 4 * width, act: relu}
streams:
  text:
    - tokens
    - embed: d
    - pos: learned
    - stack: {of: layer, depth: L}
    - norm
outputs: {logits: [text, {linear: V}]}
"""

Run = Callable[..., tuple[int, str, str]]
Write = Callable[[str, str], str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line run in this process: its exit code, stdout and stderr."""

    def run_here(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_here


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A spec as a file, named as it will be in messages."""
    monkeypatch.chdir(tmp_path)

    def write_here(name: str, text: str) -> str:
        Path(name).write_text(text)
        return name

    return write_here


# ---- whole outputs
GPT2_AND_VIT = """\
gpt2 -> vit-b16: 124,439,808 -> 86,567,656 parameters (-37,872,152, -30.4%)

dims
  T                           1..1024 -> none
  V                           50257 -> none
  C                           none -> 3
  H                           none -> 224
  W                           none -> 224
  p                           none -> 16
  classes                     none -> 1000

inputs
  tokens                      ids(V) B T -> none
  pixels                      none -> float B (C) H W

text -> image
  reads                       tokens -> pixels
  - embed: {width: d = 768, share: words}
  + patch: {size: {H: p = 16, W: p = 16}, width: d = 768}
  + prepend: cls

text -> image / layer
  norm.eps                    1e-5 -> 1e-6
  attend.mask                 causal -> none
  ffn.act                     gelu_tanh -> gelu

text -> image
  norm.eps                    1e-5 -> 1e-6

logits
  reads                       text -> image
  + take: cls
  linear.width                V = 50257 -> classes = 1000
  linear.bias                 false -> true
  linear.share                words -> none

shapes of outputs
  logits                      [B, T, V] -> [B, classes]

init and assumptions
  init.kind                   normal -> truncated
  init.residual               (2 * n) ** -0.5 -> 1

parameters           gpt2     vit-b16   difference
embeddings     38,597,376           0  -38,597,376  -100.0%
positions         786,432     151,296     -635,136   -80.8%
norms              38,400      38,400         same
attention      28,348,416  28,348,416         same
feed-forward   56,669,184  56,669,184         same
patches                 0     590,592     +590,592      new
prepend                 0         768         +768      new
head                    0     769,000     +769,000      new
total         124,439,808  86,567,656  -37,872,152   -30.4%
"""
LARGER = """\
gpt2 -> larger: 124,439,808 -> 354,823,168 parameters (+230,383,360, +185.1%)

dims
  d                           768 -> 1024
  h                           12 -> 16
  f                           4 * d = 3072 -> 4 * d = 4096
  L                           12 -> 24

parameters           gpt2       larger    difference
embeddings     38,597,376   51,463,168   +12,865,792   +33.3%
positions         786,432    1,048,576      +262,144   +33.3%
norms              38,400      100,352       +61,952  +161.3%
attention      28,348,416  100,761,600   +72,413,184  +255.4%
feed-forward   56,669,184  201,449,472  +144,780,288  +255.5%
total         124,439,808  354,823,168  +230,383,360  +185.1%
"""


GPT2_AND_LLAMA = """\
text
  embed.share                 words -> none
  - pos: learned

text / layer
  norm.kind                   layer -> rms
  bias                        true -> false
  attend.kv_heads             heads = 12 -> g = 8
  attend.rope                 none -> 500000
  ffn.act                     gelu_tanh -> swiglu

text
  norm.kind                   layer -> rms

logits
  linear.share                words -> none
"""


def test_two_language_models(run: Run) -> None:
    """The structure alone; what `init` says may be told better one day."""
    code, out, err = run("diff", "gpt2", "llama-3-8b")
    assert (code, err) == (0, "")
    assert out.startswith(
        "gpt2 -> llama-3-8b: 124,439,808 -> 8,030,261,248 parameters (+7,905,821,440, +6353.1%)\n"
    )
    assert f"\n\n{GPT2_AND_LLAMA}\n" in out
    assert "\nhead                    0    525,336,576    +525,336,576       new\n" in out


def test_two_kinds_of_model(run: Run) -> None:
    assert run("diff", "gpt2", "vit-b16") == (0, GPT2_AND_VIT, "")


def test_one_structure_at_two_sizes(run: Run, write: Write) -> None:
    path = write(
        "larger.yaml", "extends: gpt2\ntfspec: 1\nname: larger\ndims: {d: 1024, h: 16, L: 24}\n"
    )
    assert run("diff", "gpt2", path) == (0, LARGER, "")


def test_a_block_in_words_of_the_language(run: Run, write: Write) -> None:
    """What all branches of a block have in common is said once; defaults are told as such."""
    other = (
        SMALL.replace("name: small", "name: other")
        .replace(
            "  layer:\n    norm: {at: pre}", "  block:\n    norm: {kind: rms}\n    bias: false"
        )
        .replace("of: layer", "of: block")
        .replace("heads: h,", "heads: h, kv_heads: 1,")
        .replace("pos: learned", "scale: d ** 0.5")
        .replace("hidden: 4 * width, act: relu", "hidden: 24, act: swiglu")
    )
    code, out, err = run("diff", write("a.yaml", SMALL), write("b.yaml", other))
    lines = out.split("\n\n")
    assert (code, err) == (0, "")
    assert lines[1:3] == [
        "text\n  - pos: learned\n  + scale: d ** 0.5 = 2.82843",
        "text / layer -> block\n"
        "  norm.kind                   layer -> rms\n"
        "  norm.eps                    1e-5 -> 1e-6\n"
        "  bias                        true -> false\n"
        "  attend.kv_heads             heads = 2 -> 1\n"
        "  ffn.hidden                  4 * width = 32 -> 24\n"
        "  ffn.act                     relu -> swiglu",
    ]


# ---- dims called otherwise
def called(text: str, names: dict[str, str]) -> str:
    """The spec with its dims called otherwise, wherever they stand."""
    for old, new in names.items():
        text = re.sub(rf"\b{old}\b", new, text)
    return text


GRID = """\
tfspec: 1
name: grid
dims: {B: batch, H: 2..6, W: 4, d: 8, h: 2, f: 4 * d, rows: 9}
inputs: {pixels: float B H W (d), valid: bool B H W}
blocks:
  layer:
    norm: {at: pre}
    do:
      - attend: {heads: h, mask: key.valid and abs(key.H - query.H) < rows, rope: {base: 100, over: [H, W]}}
      - attend: {heads: h, window: {W: 2}, shift: {W: 1}}
      - ffn: {hidden: f, act: relu}
streams:
  image: [pixels, pos: {learned: H*W}, stack: {of: layer, depth: 2}, pool: mean]
outputs: {y: [image, {linear: d}]}
assume: [d >= h]
"""
RENAMED = [{"d": "width_"}, {"H": "rows_of", "W": "columns"}, {"h": "heads_", "f": "ff", "B": "N"},
           {"rows": "near"}, {n: f"my_{n}" for n in "BHWdhf"}]  # fmt: skip


@pytest.mark.parametrize("names", RENAMED, ids=" ".join)
def test_a_dim_called_otherwise_is_the_same_dim(write: Write, names: dict[str, str]) -> None:
    found = tfspec.diff(write("a.yaml", GRID), write("b.yaml", called(GRID, names)))
    assert dict(found.renamed) == names
    assert found.same, found.text()
    first, blank, title, *rows = found.text().splitlines()
    assert (first, blank, title) == ("grid -> grid: 2,616 parameters in both", "", "dims")
    assert sorted(row.split() for row in rows) == sorted(
        ["renamed", a, "->", b] for a, b in names.items()
    )


def test_a_dim_called_otherwise_and_of_another_size(write: Write) -> None:
    other = called(SMALL, {"d": "D", "T": "L1"}).replace("D: 8", "D: 16").replace("h: 2", "h: 4")
    found = tfspec.diff(write("a.yaml", SMALL), write("b.yaml", other))
    assert found.text().split("\n\n")[1] == (
        "dims\n"
        "  renamed                     T -> L1\n"
        "  h                           2 -> 4\n"
        "  d -> D                      8 -> 16"
    )
    assert not found.structure
    assert json.loads(found.json())["renamed"] == [{"a": "T", "b": "L1"}, {"a": "d", "b": "D"}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("embed: d", "embed: 8"),  # one of the places of d has a number
        ("hidden: 4 * width", "hidden: 4 * D"),  # D stands where d does not
        ("embed: d", "embed: h * 4"),
    ],
)
def test_a_dim_with_other_places_is_another_dim(write: Write, old: str, new: str) -> None:
    base = SMALL.replace("linear: V", "linear: d")
    other = called(base.replace("hidden: 4 * d", "hidden: 32"), {"d": "D"})
    other = other.replace(called(old, {"d": "D"}), new)
    found = tfspec.diff(write("a.yaml", base), write("b.yaml", other))
    assert found.renamed == ()
    assert [each.name for each in found.dims] == ["d", "D"]


def test_a_norm_without_a_choice_is_told_by_its_kind(write: Write) -> None:
    """An rms norm has no bias, and one that is not affine neither; what is chosen is told."""

    def rows(one: str, other: str) -> list[str]:
        paths = (
            write(f"{n}.yaml", SMALL.replace("{at: pre}", text))
            for n, text in enumerate((one, other))
        )
        found = tfspec.diff(*paths)
        return [f"{each.name} {each.a} {each.b}" for each in found.structure]

    kind = "norm.kind layer rms"
    assert rows("{eps: 1e-6}", "{kind: rms}") == [kind]
    assert rows("{eps: 1e-6, bias: true}", "{kind: rms}") == [kind]
    assert rows("{eps: 1e-6, bias: false}", "{kind: rms}") == [kind]
    assert rows("{kind: layer}", "{affine: false}") == ["norm.affine true false"]
    assert rows("{kind: layer}", "{bias: false}") == ["norm.bias true false"]
    assert rows("{kind: layer}", "{kind: rms}") == [kind, "norm.eps 1e-5 1e-6"]


# ---- nothing differs
@pytest.mark.parametrize("name", zoo.names())
def test_no_spec_differs_from_itself(name: str) -> None:
    found = tfspec.diff(name, name)
    assert found.same, found.text()
    assert found.text() == f"{name} and {name} do not differ: {found.params.a:,} parameters"


SPELT_OUT = [
    ("heads: h,", "heads: h, kv_heads: h, head_dim: d / h, v_head_dim: 4, bias: [q, k, v, out],"),
    ("heads: h,", "heads: h, scale: 4 ** -0.5, to: self, dropout: 0,"),
    ("act: relu", "act: relu, gated: false, bias: true, dropout: 0.0"),
    ("hidden: 4 * width", "hidden: 32"),
    ("norm: {at: pre}", "norm: {kind: layer, at: [pre], eps: 0.00001, bias: true, affine: true}"),
    ("norm: {at: pre}", "norm: {at: pre}\n    bias: true\n    residual: {scale: 1, skip: 1}"),
    ("    - norm\n", "    - norm: {kind: layer, eps: 1e-5, offset: 0}\n"),
    ("embed: d", "embed: {width: 8}"),
    ("linear: V", "linear: {width: 11, bias: true}"),
    ("    norm: {at: pre}\n    do:\n      - attend: {", "    do:\n      - attend: {norm: {at: pre}, "),
    ("  layer:", "  unused: [norm]\n  layer:"),
    ("name: small", "name: another\nabout: of the same\ninit: {kind: torch}\nexpect: {max_params: 1e9}"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), SPELT_OUT)
def test_a_default_spelt_out_is_no_difference(write: Write, old: str, new: str) -> None:
    if "do:\n      - attend" in old:  # the block's norm, on each branch instead
        base, other = SMALL, SMALL.replace(old, new).replace("ffn: {", "ffn: {norm: {at: pre}, ")
    else:
        base, other = SMALL, SMALL.replace(old, new, 1)
    assert other != base
    found = tfspec.diff(write("a.yaml", base), write("b.yaml", other))
    assert found.same, found.text()


def test_two_words_for_one_thing(write: Write) -> None:
    a = SMALL.replace("act: relu", "act: silu, gated: true")
    b = SMALL.replace("act: relu", "act: swiglu")
    assert tfspec.diff(write("a.yaml", a), write("b.yaml", b)).same


# ---- no knob is invisible
VALUES: list[Any] = [
    *(3, 5, 0.25, 0.5, True, False, "none", "text", "tokens", "layer", "causal", "within(3)"),
    *("rms", "relu", "gelu", "swiglu", "pre", "post", "head", "full", "mean", "max", "exp", "tanh"),
    *("linear", "llama3", "softmax", "sigmoid", "learned", "sinusoidal", "interleaved", "halves", "normal", "xavier"),
    *("truncated", "torch", "zeros", "words", "cls + H*W", ["q", "k"], ["q"], ["gate"], ["modulate"], ["H", "W"], ["H"]),
    *({"H": 7}, {"H": 5}, {"W": 5}, {"T": "first(tokens == 3)"}, {"T": 0}, ["text", "tokens"]),
    *(["layer", "layer"], {"slot": {"r": "text"}}, {"slot": {"s": "text"}}, ["text", "norm"]),
    *({"a": "text"}, {"kind": "linear", "factor": 4}, {"kind": "linear", "factor": 8}, {"reg": 4}),
    *({"kind": "rms"}, {"kv": 3}, {"kv": 5}, [["norm", "gelu"]], {"mean": ["H"]}, {"kind": "tanh"}, {"scale": 2}, {"buckets": 8, "max": 9}),
]  # fmt: skip


def kinds() -> Iterator[type[Located]]:
    """Everything that has knobs: steps, and the mappings in them."""
    own = [cls for cls in _below(Located) if cls.__module__.startswith("tfspec.layers")]
    yield from (cls for cls in own if cls.called and not (issubclass(cls, Layer) and not cls.step))
    yield Init


def _below(cls: type[Located]) -> Iterator[type[Located]]:
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def values(cls: type[Located], knob: str) -> list[Any]:
    """What may stand there, each value once, as it is read."""
    info = cls.model_fields[knob]
    made: Any = Annotated[info.annotation, knob, *info.metadata]  # pyright: ignore
    adapter = TypeAdapter[Any](made)
    found: list[Any] = []
    for value in VALUES:
        try:
            parsed = adapter.validate_python(value)
        except (ValidationError, Wrong):
            continue
        blocks = list(parsed.blocks()) if isinstance(parsed, Pattern) else []
        if parsed not in found and all(each.name == "layer" for each in blocks):
            found.append(parsed)
    return found


def made(cls: type[Located], knob: str) -> list[Located]:
    """Models that differ in one knob only, and in it all differ."""
    needed = [n for n, info in cls.model_fields.items() if info.is_required() and n != knob]
    base = {name: values(cls, name)[0] for name in needed}
    return [
        cls.model_construct({*base, knob}, **base, **{knob: value}) for value in values(cls, knob)
    ]


@pytest.fixture(scope="module")
def described() -> Steps:
    return Steps(tfspec.load("gpt2").semantics)


def cases() -> Iterator[tuple[type[Located], str]]:
    steps()
    for cls in dict.fromkeys(kinds()):
        yield from ((cls, name) for name in cls.model_fields)


@pytest.mark.parametrize(
    ("cls", "knob"),
    list(cases()),
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_every_knob_shows(described: Steps, cls: type[Located], knob: str) -> None:
    found = made(cls, knob)
    optional = cls.model_fields[knob].default is None
    single = len(get_args(cls.model_fields[knob].annotation)) == 1  # a kind of one word
    assert len(found) > 1 or (found and (optional or single)), "add values for it to VALUES"
    for a, b in itertools.combinations(found, 2):
        assert list(difference(described, a, b)), (getattr(a, knob), getattr(b, knob))
    if optional:
        unset = found[0].model_copy(update={knob: None})
        assert any(list(difference(described, unset, each)) for each in found)


def difference(described: Steps, a: Located, b: Located) -> Iterator[object]:
    if isinstance(a, Layer) and isinstance(b, Layer):
        block = BlockDecl.read({"do": ["norm"]})
        one, other = (described._branch(each, block) for each in (a, b))  # pyright: ignore[reportPrivateUsage]
        yield from differences(("x",), align([one], [other]))
    else:
        reader: Reader = described.reader
        yield from changes(reader.knobs(a, {}), reader.knobs(b, {}))


SEEN = [
    ("T: 1..8", "T: 1..9"),
    ("d: 8", "d: 16"),
    ("ids(V) B T,", "ids(V) B T, other: bool B T,"),
    ("norm: {at: pre}", "norm: {at: post}"),
    ("norm: {at: pre}", "norm: none"),
    ("norm: {at: pre}", "norm: {at: pre}\n    residual: none"),
    ("norm: {at: pre}", "norm: {at: pre}\n    bias: false"),
    ("      - ffn", "      - gelu\n      - ffn"),
    ("causal", "causal and key.valid"),
    ("- pos: learned", "- pos: sinusoidal"),
    ("    - pos: learned\n", ""),
    ("depth: L", "depth: 4"),
    ("of: layer", "of: [layer, layer]"),
    ("linear: V", "linear: {width: V, bias: false}"),
    ("logits: ", "last: text, logits: "),
    ("name: small", "name: small\ninit: {std: 0.01}"),
    ("name: small", "name: small\nassume: [T >= 1]"),
]


@pytest.mark.parametrize(("old", "new"), SEEN)
def test_every_change_of_a_spec_shows(write: Write, old: str, new: str) -> None:
    a, b = write("a.yaml", SMALL), write("b.yaml", SMALL.replace(old, new, 1))
    found, back = tfspec.diff(a, b), tfspec.diff(b, a)
    assert not found.same
    assert not back.same
    assert found.params.difference == -back.params.difference


# ---- parameters
@cache
def loaded(name: str) -> tfspec.Architecture:
    return tfspec.load(name)


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations(zoo.names(), 2)))
def test_components_add_up(a: str, b: str) -> None:
    found = tfspec.diff(loaded(a), loaded(b))
    assert sum(each.a for each in found.components) == loaded(a).check().params == found.params.a
    assert sum(each.b for each in found.components) == loaded(b).check().params == found.params.b
    assert sum(each.difference for each in found.components) == found.params.difference
    assert "other" not in {each.name for each in found.components}
    assert all(len(line) <= COLUMNS for line in found.text().splitlines())


def test_a_tied_head_is_counted_once(write: Write) -> None:
    a = SMALL.replace("embed: d", "embed: {width: d, share: words}")
    b = a.replace("linear: V", "linear: {width: V, bias: false, share: words}")
    found = tfspec.diff(write("a.yaml", a), write("b.yaml", b))
    sizes = {each.name: (each.a, each.b) for each in found.components}
    assert sizes["embeddings"] == (88, 88)
    assert sizes["head"] == (99, 0)


# ---- the command
def test_json_is_whole(run: Run) -> None:
    code, out, err = run("diff", "gpt2", "vit-b16", "--format", "json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert list(answer) == [
        *("a", "b", "same", "renamed", "dims", "inputs"),
        *("structure", "outputs", "rest", "params"),
    ]
    assert (answer["a"], answer["b"], answer["same"]) == ("gpt2", "vit-b16", False)
    assert {"name": "T", "a": "1..1024", "b": "none"} in answer["dims"]
    assert {
        "path": ["text -> image", "layer"],
        "name": "attend.mask",
        "kind": "changed",
        "a": "causal",
        "b": "none",
    } in answer["structure"]
    assert answer["params"]["total"] == {
        "a": 124439808,
        "b": 86567656,
        "difference": -37872152,
        "percent": pytest.approx(-30.434, abs=1e-3),
    }


@pytest.mark.parametrize(
    ("limits", "code", "message"),
    [
        (["params>31%"], 0, ""),
        (["params>4e7"], 0, ""),
        (
            ["params>30%"],
            1,
            "error[TS461]: parameters differ by -30.4%, which is over the limit `params>30%`\n",
        ),
        (
            ["params>50%", "params > 1e6"],
            1,
            "error[TS461]: parameters differ by -37,872,152, which is over the limit "
            "`params > 1e6`\n",
        ),
    ],
)
def test_fail_on(run: Run, limits: list[str], code: int, message: str) -> None:
    options = [word for limit in limits for word in ("--fail-on", limit)]
    assert run("diff", "gpt2", "vit-b16", *options) == (code, GPT2_AND_VIT, message)


def test_no_change_is_within_every_limit(run: Run) -> None:
    code, _, err = run("diff", "gpt2", "gpt2", "--fail-on", "params>0", "--fail-on", "params>0%")
    assert (code, err) == (0, "")


@pytest.mark.parametrize("limit", ["params", "params>", "params=1%", "flops>1%", "params>-1", ""])
def test_a_limit_that_cannot_be_read(run: Run, limit: str) -> None:
    assert run("diff", "gpt2", "gpt2", "--fail-on", limit) == (
        2,
        "",
        f"error[TS460]: `{limit}` is no limit\n"
        "  = help: write 'params>1%' or 'params>1e6', in quotes: the shell reads > too\n",
    )


def test_sets_for_both_and_for_one(run: Run) -> None:
    code, out, err = run("diff", "gpt2", "gpt2", "--set", "L=2", "--set-b", "V=100")
    assert (code, out.splitlines()[3]) == (0, "  V                           50257 -> 100")
    assert "expect" in err
    assert run("diff", "gpt2", "vit-b16", "--set", "V=100,classes=7,L=1")[0] == 0
    code, out, err = run("diff", "gpt2", "vit-b16", "--set", "TT=1")
    assert (code, out, err.splitlines()[0]) == (2, "", "error[TS410]: there is no dim `TT` to set")


def test_the_mistakes_of_either_are_told(run: Run, write: Write) -> None:
    bad = write("bad.yaml", GPT2.replace("h: 12", "h: 10"))
    for argv in (["diff", "gpt2", bad], ["diff", bad, "gpt2"], ["diff", bad, bad]):
        code, out, err = run(*argv)
        assert (code, out, err.count("error[TS201]")) == (1, "", 1)
    assert run("diff", "gpt2", "gpt-2")[0] == 2


def test_hostile_names_stay_text(run: Run, write: Write) -> None:
    a = SMALL.replace("name: small", 'name: "[red]\\e[31m\\u202e\\n x"')
    b = SMALL.replace("name: small", f"name: {'n' * 100}").replace("4 * width", "5 * width")
    code, out, err = run("diff", write("a.yaml", a), write("b.yaml", b))
    assert (code, err) == (0, "")
    assert out.startswith("[red]\\x1b[31m\\u202e\\n x -> nnn")
    assert max(map(len, out.splitlines())) <= COLUMNS
    assert "\x1b" not in out
