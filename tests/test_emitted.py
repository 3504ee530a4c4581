"""The emitted file: its bytes, its lint, its length, its imports, and that it compiles whole."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.bundled import NAMES as BUNDLED
from tests.bundled import batches, small
from tests.parity.gpt2 import GPT2
from tests.parity.running import run_file
from tfspec import api
from tfspec.passes.cost.report import CostMode
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")

SMALL = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, S: 1..9, V: 50, d: 12, h: 3, c: 5}
inputs: {tokens: ids(V) B T, x: float B S (c), valid: bool B T}
blocks:
  layer: {norm: {at: pre}, do: [attend: {heads: h}, ffn: {hidden: 4 * width, act: gelu}]}
streams:
  text: [tokens, embed: d, pos: learned, stack: {of: layer, depth: 2}, norm]
outputs:
  logits: [text, linear: V]
"""
"""A good spec that the variants change by replacing texts."""

LAYER = SMALL[SMALL.index("  layer:") : SMALL.index("streams:")]
STACK = "stack: {of: layer, depth: 2}"


def block(rest: str, do: str) -> tuple[str, str]:
    return LAYER, f"  layer: {{{rest}do: [{do}]}}\n"


ATTEND, FFN = "attend: {heads: h}", "ffn: {hidden: 20, act: relu}"

VARIANTS: dict[str, list[tuple[str, str]]] = {
    "as it is": [],
    "post-norm": [("at: pre", "at: post")],
    "norms everywhere": [("at: pre", "at: [pre, out, post], kind: rms")],
    "no norm": [("norm: {at: pre}", "norm: none")],
    "a norm with odd knobs": [("at: pre", "at: pre, eps: 1e-12, bias: false")],
    "a norm without weights": [("at: pre", "at: pre, affine: false")],
    "an offset": [("at: pre", "at: pre, kind: rms, offset: 1")],
    "unit length": [("at: pre", "at: pre, kind: l2")],
    "no biases": [("norm: {at: pre}", "norm: {at: pre}, bias: false")],
    "causal": [("heads: h", "heads: h, mask: causal")],
    "a window": [("heads: h", "heads: h, mask: causal and within(4)")],
    "flags": [("heads: h", "heads: h, mask: key.valid")],
    "a long mask": [
        ("heads: h", "heads: h, mask: (causal or not key.valid) and (query.valid or within(3))")
    ],
    "grouped heads": [("heads: h", "heads: h, kv_heads: 1, head_dim: 4, v_head_dim: 5")],
    "some biases": [("heads: h", "heads: h, bias: [q, out]")],
    "a scale, a cap and dropout": [("heads: h", "heads: h, scale: 0.3, softcap: 30, dropout: 0.1")],
    "rotary": [("heads: h", "heads: h, rope: 10000")],
    "rotary in part": [
        ("heads: h", "heads: h, rope: {base: 500.5, partial: 0.5, interleaved: true}")
    ],
    "rotary and scaled": [
        ("heads: h", "heads: h, rope: {base: 500000, scaling: {kind: llama3, factor: 8.5, "
         "low_freq_factor: 1, high_freq_factor: 4, original_length: 8192}}")
    ],
    "rotary over axes": [
        ("S: 1..9", "S: 1..9, W: 3"), ("x: float B S (c)", "x: float B S W (c)"),
        ("streams:", "  turned: {do: [attend: {heads: h, head_dim: 12, rope: {base: 100, over: [S, W], partial: 2 / 3}}]}\nstreams:"),
        ("  logits:", "  side: [x, linear: d, prepend: cls, turned]\n  logits:"),
    ],
    "gated": [("act: gelu", "act: geglu")],
    "gated with dropout": [("act: gelu", "act: silu, gated: true, dropout: 0.25, bias: false")],
    "squared relu": [("act: gelu", "act: relu2")],
    "quick gelu": [("act: gelu", "act: quick_gelu")],
    "parallel branches": [block("norm: {at: pre}, ", f"par: [{ATTEND}, {FFN}]")],
    "a sum in a branch": [block("norm: {at: pre}, ", f"sum: [{ATTEND}, {FFN}]")],
    "gates and scales": [
        block("norm: {at: pre}, residual: {layerscale: 1e-4, gate: tanh, skip: 0.5}, ", ATTEND)
    ],
    "scaled residuals": [block("residual: {scale: (2 * h) ** -0.5}, ", f"{ATTEND}, {FFN}")],
    "replaced values": [block("residual: none, ", f"{ATTEND}, {FFN}")],
    "two sizes": [block("", "ffn: {hidden: 20, act: relu}, ffn: {hidden: 9, act: relu}")],
    "many sizes": [
        block("", ", ".join(f"ffn: {{hidden: {n}, act: relu}}" for n in (3, 5, 7, 9, 11, 13, 15)))
    ],
    "sinusoids": [("pos: learned", "pos: sinusoidal")],
    "sinusoids in halves": [("pos: learned", "pos: {sinusoidal: T, layout: halves, base: 500}")],
    "tied words": [
        ("embed: d", "embed: {width: d, share: words}"),
        ("linear: V", "linear: {width: V, share: words}"),
    ],
    "a shared block": [
        ("norm: {at: pre}", "share: same, norm: {at: pre}"),
        (STACK, "layer, layer"),
    ],
    "a shared branch": [("heads: h", "heads: h, share: same")],
    "a block alone": [(STACK, "layer")],
    "two stacks": [(STACK, f"{STACK}, tanh, {STACK}")],
    "a series in a stack": [
        ("streams:", f"  other: {{do: [{FFN}]}}\nstreams:"),
        ("of: layer", "of: [[layer, other]]"),
    ],
    "kinds in turn": [
        ("streams:", f"  other: {{do: [{FFN}]}}\nstreams:"),
        ("of: layer, depth: 2", "of: [layer, layer, other], depth: 6"),
    ],
    "one layer": [("depth: 2", "depth: 1")],
    "pooled": [(", norm]", ", norm, pool: mean]")],
    "taken": [(", norm]", ", norm, take: {T: 0}]")],
    "with registers": [("pos: learned", "prepend: [cls, {reg: 3}], pos: learned")],
    "across": [
        ("streams:", "streams:\n  side: [x, linear: d]"),
        ("heads: h}", "heads: h}, attend: {heads: 2, to: side}"),
    ],
    "several outputs": [
        ("  logits:", "  last: text\n  side: [x, linear: 3, tanh]\n  logits:"),
    ],
    "a mark": [
        ("pos: learned", "pos: learned, mark: early"),
        ("  logits:", "  early: [text.early, linear: 2]\n  logits:"),
    ],
    "a prefix of another": [
        ("streams:", "streams:\n  side: [x, linear: d]"),
        ("pos: learned", "pos: learned, concat: [side, scale: 1]"),
    ],
    "long names": [
        ("text", "a_stream_with_a_name_that_is_longer_than_anybody_would_give"),
        ("tokens", "an_input_with_a_name_that_is_longer_than_anybody_would_give"),
        ("valid", "a_flag_with_a_name_that_is_longer_than_anybody_would_give"),
        ("logits", "an_output_with_a_name_that_is_longer_than_anybody_would_give"),
        ("layer", "a_block_with_a_name_that_is_longer_than_anybody_would_give"),
        ("heads: h", "heads: h, mask: causal"),
    ],
    "long sizes": [
        ("c: 5}", "c: 5, a_width_with_a_long_name: 20, another_width_with_a_long_name: 24}"),
        ("4 * width", "a_width_with_a_long_name * another_width_with_a_long_name + 3 * d * h"),
    ],
    "large numbers": [("V: 50", "V: 1234567"), ("T: 1..16", "T: 1..1000000")],
    "an initialisation": [
        ("outputs:", "init: {std: 0.02, residual: (2 * n) ** -0.5, bias: zeros}\noutputs:")
    ],
    "xavier": [("outputs:", "init: {kind: xavier, embed: d ** -0.5, bias: zeros}\noutputs:")],
    "fan-in": [("outputs:", "init: {kind: fan_in, std: 0.5, embed: 1, bias: zeros}\noutputs:")],
    "a truncated start": [("outputs:", "init: {kind: truncated, std: 0.01}\noutputs:")],
    "a long text": [("name: small", f"name: small\nabout: {'a long story ' * 40}")],
}  # fmt: skip

GENERATING = (
    "rotary in part",
    "rotary and scaled",
    "causal",
    "a window",
    "two stacks",
    "grouped heads",
    "a long text",
    "a block alone",
)


@cache
def variant(what: str, style: str = "fast", parts: tuple[str, ...] = ()) -> str:
    text = SMALL
    for old, new in VARIANTS[what]:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new)
    if parts:  # generation is of one text, and causal
        text = text.replace(", x: float B S (c)", "").replace(", valid: bool B T", "")
        text = text.replace("x: float B S (c), ", "")
        if "mask:" not in text:
            text = text.replace("attend: {heads: h", "attend: {heads: h, mask: causal")
    return api.Architecture(load_text(text)).emit(style=style, parts=parts)


def bundled_files() -> Iterator[tuple[str, str]]:
    for name in BUNDLED:
        for style in STYLES:
            yield f"{name} {style}", api.emit(name, style=style)
    for style in STYLES:
        for name in ("gpt2", "t5-base", "flamingo"):
            yield f"{name} {style} generate", api.emit(name, style=style, parts=("generate",))


def variant_files() -> Iterator[tuple[str, str]]:
    for what in VARIANTS:
        for style in STYLES:
            yield f"{what} {style}", variant(what, style)
    for what in GENERATING:
        yield f"{what} generate", variant(what, "fast", ("generate",))


# ---- lint and format


def ruff(folder: Path, *command: str) -> str:
    """What ruff says of the files of a folder under its own defaults."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr if done.returncode else ""


def assert_clean(files: Iterator[tuple[str, str]], folder: Path) -> None:
    for name, source in files:
        (folder / f"{name.replace(' ', '_')}.py").write_text(source, encoding="utf-8")
    assert ruff(folder, "check", "--line-length", "88") == ""
    assert ruff(folder, "format", "--diff") == ""


def test_bundled_files_are_clean(tmp_path: Path) -> None:
    assert_clean(bundled_files(), tmp_path)


def test_files_of_many_structures_are_clean(tmp_path: Path) -> None:
    assert_clean(variant_files(), tmp_path)


def test_ruff_would_complain(tmp_path: Path) -> None:
    """The check of the check: an unused import, and a line that ruff would break."""
    (tmp_path / "bad.py").write_text("import os\nx = {  'a':1 }\n", encoding="utf-8")
    assert "F401" in ruff(tmp_path, "check")
    assert "bad.py" in ruff(tmp_path, "format", "--diff")


# ---- every structure runs


@pytest.mark.parametrize("what", [what for what in VARIANTS if what != "large numbers"])
def test_structures_run_alike_in_both_styles(what: str) -> None:
    torch.manual_seed(0)
    files = [run_file(variant(what, style)) for style in STYLES]
    models = [file.build().eval() for file in files]
    inputs = files[0].example_inputs()
    outputs = [values(model(*inputs)) for model in models]
    assert [each.shape for each in outputs[0]] == [each.shape for each in outputs[1]]
    counts = [sum(p.numel() for p in model.parameters()) for model in models]
    assert counts[0] == counts[1]
    text = files[0].__doc__.replace("\n", " ")
    assert f"{counts[0]:,} parameters" in text
    sum(each.float().sum() for each in outputs[0]).backward()
    still = [n for n, p in models[0].named_parameters() if p.grad is None or p.grad.isnan().any()]
    assert still == []


def values(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)


# ---- length, imports, bytes

LINES = {"gpt2": 150, "vit-b16": 130}


@pytest.mark.parametrize("name", LINES)
def test_length(name: str) -> None:
    assert len(api.emit(name).splitlines()) < LINES[name]


def imported(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_only_torch_is_imported() -> None:
    for name, source in (*bundled_files(), *variant_files()):
        assert imported(source) - sys.stdlib_module_names == {"torch"}, name


EMIT = """
import sys
from tfspec import api
for name in ("gpt2", "vit-b16", "transformer-base"):
    for style in ("fast", "explicit"):
        sys.stdout.write(api.emit(name, style=style))
sys.stdout.write(api.emit("gpt2", parts=("generate",)))
"""


def test_equal_bytes_in_every_process() -> None:
    def emitted(seed: str) -> bytes:
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            [sys.executable, "-c", EMIT], env=env, capture_output=True, check=True
        ).stdout

    first = emitted("1")
    assert len(first) > 20_000
    assert emitted("2") == first
    assert emitted("77") == first


def test_equal_bytes_twice_in_one_process() -> None:
    assert api.emit("transformer-base") == api.emit("transformer-base")


# ---- compiled


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_gradients_compile() -> None:
    for name in BUNDLED:
        torch._dynamo.reset()
        model = run_file(small(name).emit()).build()
        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
        (inputs,) = batches(small(name), 1)
        sum(each.sum() for each in values(compiled(**inputs))).backward()
        assert all(p.grad is not None for p in model.parameters())


@pytest.mark.filterwarnings("default")
def test_decoding_compiles_once() -> None:
    """Every position, and a second text in the same cache, run the first graph."""
    file = run_file(api.emit("gpt2", {**GPT2.sets, "L": 2}, parts=("generate",)))
    model = file.build().eval()
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    prefill = torch.compile(model.prefill, fullgraph=True, backend="aot_eager")
    decode = torch.compile(model.decode, fullgraph=True, backend="aot_eager")
    cache = model.cache(2, 23)
    tokens = GPT2.ours()["tokens"][:2]
    seen: list[int] = []
    for length in (6, 9, 4, 11):
        found = file.generate(tokens[:, :length], 8, cache, prefill, decode)
        plain = file.generate(tokens[:, :length], 8, cache, model.prefill, model.decode)
        assert torch.equal(found, plain)
        seen.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert seen[0] == 2, "one prefill, one decode"
    assert seen[1:] == [3] * 3, "one more prefill, for any length"


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_the_file_runs_itself(name: str, tmp_path: Path) -> None:
    """`python FILE`: builds, compiles with the target's settings, runs, prints."""
    path = tmp_path / "model.py"
    path.write_text(small(name).emit(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "parameters" in done.stdout


@pytest.mark.slow
def test_the_generating_file_runs_itself(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(api.emit("gpt2", {**GPT2.sets, "T": "1..64"}, parts=("generate",)))
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "ms a token" in done.stdout


# ---- hostile names and texts

HOSTILE = """\
tfspec: 1
name: NAME
about: ABOUT
dims: {batch_: batch, LENGTH: 1..16, VOCAB: 50, WIDTH: 12, HEADS: 3}
inputs: {INPUT: ids(VOCAB) batch_ LENGTH, FLAG: bool batch_ LENGTH}
blocks:
  BLOCK: {norm: {at: pre}, do: [attend: {heads: HEADS, mask: causal and key.FLAG}, FFN]}
streams:
  STREAM: [INPUT, embed: {width: WIDTH, share: SHARE}, pos: sinusoidal, STACK]
outputs:
  OUTPUT: [STREAM, linear: VOCAB]
""".replace("FFN", "ffn: {hidden: 20, act: gelu}").replace("STACK", "stack: {of: BLOCK, depth: 2}")
PLACES = {
    "NAME": "small", "ABOUT": "a model", "LENGTH": "T", "VOCAB": "V", "WIDTH": "d", "HEADS": "h",
    "INPUT": "tokens", "FLAG": "valid", "BLOCK": "layer", "STREAM": "text", "SHARE": "words",
    "OUTPUT": "logits",
}  # fmt: skip
NAMES = (
    "lambda", "class", "def", "True", "None", "match", "print", "len", "zip", "enumerate", "range",
    "float", "tuple", "super", "isinstance", "F", "torch", "nn", "Timer", "self", "cls", "block",
    "kv", "x", "h", "q", "k", "v", "mask", "positions", "flags", "sinusoids", "build", "compile",
    "example_inputs", "init_weights", "model", "device", "dtype", "inputs", "outputs", "run",
    "speed", "forward", "training", "parameters", "modules", "children", "state_dict", "buffers",
    "named_modules", "register_buffer", "type", "to", "half", "eval", "train", "requires_grad_",
    "T_destination", "call_super_init", "dump_patches", "blocks", "norm1", "attention", "mlp",
    "layer", "Attention", "FeedForward", "Module", "Small", "_modules", "_parameters", "__init__",
    "__class__", "__dict__", "_", "maps", "weights", "scores", "weight", "bias", "name", "module",
)  # fmt: skip
FEW = (
    "lambda",
    "None",
    "print",
    "F",
    "torch",
    "self",
    "x",
    "mask",
    "device",
    "forward",
    "training",
)
TEXTS = (
    'a "quote"', 'three """ quotes', "it's", "ends with a quote\"", "ends with a backslash\\",
    "\\N{BULLET} \\x41 \\u0041 \\", "{braces} {0} %s %d", "a\nline\n\nimport os\n", "a\ttab\r\n",
    "\u202egnp.exe \u2066bidi\u2069", "\x00\x07\x1b[31mred\x1b[0m\x7f", "\u2028line\u2029paragraph",
    "\ufeffbom \u200bzero \U000e0041tag", "é ü 模型 \U0001f600", "[bold]rich[/bold]", "# noqa: all",
    "", " ", "x" * 500, "y " * 300, "-*- coding: rot13 -*-", "'''", "type: ignore", "\x85next",
)  # fmt: skip


def hostile(**texts: str) -> str | None:
    """The file of a spec with these words in it; None where the spec is refused by a message."""
    text = HOSTILE
    for place, plain in PLACES.items():
        text = text.replace(place, texts.get(place, plain))
    architecture = api.Architecture(load_text(text))
    if architecture.loaded.spec is None or not architecture.check().ok:
        assert list(architecture.loaded.diagnostics) or list(architecture.check().diagnostics)
        return None
    return architecture.emit()


def assert_runs(source: str) -> None:
    file = run_file(source)
    model = file.build().eval()
    output = model(*file.example_inputs())
    assert output.shape == (2, 16, 50)


def assert_names_run(place: str, names: tuple[str, ...], folder: Path) -> None:
    files = {name: source for name in names if (source := hostile(**{place: name})) is not None}
    assert len(files) > len(names) / 2, "names are renamed in code, not forbidden in the spec"
    for name, source in files.items():
        try:
            assert_runs(source)
        except Exception as error:
            raise AssertionError(f"{place} called {name}: {error!r}\n{source}") from error
        (folder / f"{place}_{name}.py").write_text(source, encoding="utf-8")
    assert ruff(folder, "check") == ""
    assert ruff(folder, "format", "--diff") == ""


NAMED = [place for place in PLACES if place not in ("NAME", "ABOUT")]


@pytest.mark.parametrize("place", NAMED)
def test_hostile_names_run(place: str, tmp_path: Path) -> None:
    assert_names_run(place, FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", NAMED)
def test_every_hostile_name_runs(place: str, tmp_path: Path) -> None:
    assert_names_run(place, NAMES, tmp_path)


KINDS = (("INPUT", "SHARE"), ("STREAM", "SHARE"), ("WIDTH", "OUTPUT"))


def assert_generates(name: str) -> None:
    """The input's name beside those of the cache and of what runs."""
    text = HOSTILE.replace(" and key.FLAG", "").replace(", FLAG: bool batch_ LENGTH", "")
    for place, plain in PLACES.items():
        text = text.replace(place, name if place == "INPUT" else plain)
    architecture = api.Architecture(load_text(text))
    if not architecture.check().ok:
        return
    file = run_file(architecture.emit(parts=("generate",)))
    model = file.build().eval()
    prompt = torch.zeros(2, 5, dtype=torch.int64)
    found = file.generate(prompt, 4, model.cache(2, 9), model.prefill, model.decode)
    assert found.shape == (2, 9)


FEW_GENERATING = ("cache", "position", "tokens", "steps", "prefill", "decode", "model", "generate")


@pytest.mark.parametrize("name", FEW_GENERATING)
def test_hostile_names_generate(name: str) -> None:
    assert_generates(name)


def assert_one_name_runs(name: str) -> None:
    """Where the language allows one word in several places, the file keeps them apart."""
    for kind in KINDS:
        source = hostile(**dict.fromkeys(kind, name))
        if source is not None:
            assert_runs(source)


@pytest.mark.parametrize("name", FEW)
def test_one_name_for_all(name: str) -> None:
    assert_one_name_runs(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_name_for_all(name: str) -> None:
    assert_one_name_runs(name)


@pytest.mark.parametrize("place", ["NAME", "ABOUT"])
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_hostile_texts_stay_text(text: str, place: str, tmp_path: Path) -> None:
    source = hostile(**{place: quoted(text)})
    if source is None:  # YAML itself takes no such character, or it is no name
        return
    assert not {*source} & {*map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u202e", "\u2066"} - {
        "\n"
    }
    body = [type(node) for node in ast.parse(source).body]
    assert body == [type(node) for node in ast.parse(hostile() or "").body]
    assert_runs(source)
    (tmp_path / "model.py").write_text(source, encoding="utf-8")
    assert ruff(tmp_path, "check") == ""
    assert ruff(tmp_path, "format", "--diff") == ""


def quoted(text: str) -> str:
    """The text as a double-quoted YAML scalar."""
    escaped = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}"
        for c in text
    )
    return f'"{escaped}"'


# ---- how weights start


def started(init: str, *changes: tuple[str, str]) -> dict[str, float]:
    """The spread of each weight of a fresh model, in a model wide enough to tell."""
    text = SMALL.replace("d: 12", "d: 96").replace("outputs:", f"init: {init}\noutputs:")
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new)
    torch.manual_seed(0)
    model = run_file(api.Architecture(load_text(text)).emit()).build()
    return {name: parameter.std().item() for name, parameter in model.named_parameters()}


def test_only_ends_of_branches_start_smaller() -> None:
    """A map that is called `out` is none, nor is one whose name ends like one."""
    outputs = "  out: [text, linear: V]\n  cutdown: [text, linear: V]"
    spread = started(
        "{std: 0.02, residual: 0.1, bias: zeros}", ("  logits: [text, linear: V]", outputs)
    )
    for i in range(2):
        for name in ("attention.out", "mlp.down"):
            assert spread.pop(f"blocks.{i}.{name}.weight") == pytest.approx(0.002, rel=0.05)
    for name, std in spread.items():
        if name.endswith(".bias") or "norm" in name:
            assert std == 0, name
        else:
            assert std == pytest.approx(0.02, rel=0.05), name


@pytest.mark.parametrize(("std", "times"), [("", 1), (", std: 0.125", 0.125)])
def test_fan_in_is_by_the_number_of_inputs(std: str, times: float) -> None:
    spread = started(f"{{kind: fan_in{std}, embed: 2, residual: 0.5, bias: zeros}}")
    for name, inputs in {"attention.qkv": 96, "mlp.up": 96, "logits": 96}.items():
        found = [value for key, value in spread.items() if key.endswith(f"{name}.weight")]
        assert found
        assert found == pytest.approx([times * inputs**-0.5] * len(found), rel=0.06)
    for i in range(2):
        for name, inputs in {"attention.out": 96, "mlp.down": 384}.items():
            ends = spread[f"blocks.{i}.{name}.weight"]
            assert ends == pytest.approx(0.5 * times * inputs**-0.5, rel=0.06)
    assert spread["embed.weight"] == pytest.approx(2, rel=0.06)
    assert spread["pos"] == pytest.approx(2, rel=0.06)


@pytest.mark.parametrize("groups", [3, 1])
def test_xavier_of_joined_maps_is_that_of_each(groups: int) -> None:
    changes = ("heads: h", f"heads: h, kv_heads: {groups}")
    text = SMALL.replace("d: 12", "d: 96").replace(*changes)
    text = text.replace("outputs:", "init: {kind: xavier}\noutputs:")
    torch.manual_seed(0)
    model = run_file(api.Architecture(load_text(text)).emit()).build()
    rows = [96, 32 * groups, 32 * groups]
    joint = dict(model.named_parameters())["blocks.0.attention.qkv.weight"]
    for matrix in joint.split(rows):
        assert matrix.std().item() == pytest.approx((2 / sum(matrix.shape)) ** 0.5, rel=0.04)


@pytest.mark.parametrize("mode", ["forward", "train"])
def test_xavier_of_unequal_maps_has_a_cost(mode: CostMode) -> None:
    """Where memory is asked, the file's own start runs: each matrix by its own rows."""
    text = SMALL.replace("heads: h", "heads: h, kv_heads: 1")
    plain = api.Architecture(load_text(text)).cost(mode)
    text = text.replace("outputs:", "init: {kind: xavier}\noutputs:")
    assert api.Architecture(load_text(text)).cost(mode).json() == plain.json()
