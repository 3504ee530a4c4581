"""The stories of `tfspec explain`: each example, completed to a spec or a call, yields its code.

Codes with a file in tests/bad_specs have their whole message there; the others have a frame here.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tfspec.cli import main
from tfspec.cli.verbs.build import NO_TORCH, NOT_RUN
from tfspec.cli.verbs.draw import NO_GRAPHVIZ, NO_RENDERER
from tfspec.diagnostics import all_rules, find

BAD_SPECS = Path(__file__).parent / "bad_specs"
BASE = {
    "tfspec": "tfspec: 1",
    "name": "name: story",
    "dims": "dims: {B: batch, T: 1..8, H: 32, W: 32, V: 11, d: 8, h: 2}",
    "inputs": "inputs: {tokens: ids(V) B T, valid: bool B T, pixels: float B 3 H W}",
    "blocks": "blocks: {layer: {do: [{attend: {heads: h}}, {ffn: {hidden: 4 * width, act: relu}}]}}",
    "streams": "streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: 2}}]}",
    "outputs": "outputs: {logits: [text, {linear: V}]}",
}


def spec(**sections: str) -> str:
    """The base with some sections written in another way; dims and blocks beside its own."""
    lines = dict(BASE)
    for name, text in sections.items():
        more = re.fullmatch(r"(?:dims|blocks): \{(.*)\}", text)
        lines[name] = f"{BASE[name][:-1]}, {more[1]}}}" if more else text
    return "\n".join(line for line in lines.values() if line) + "\n"


def step(text: str) -> str:
    return spec(streams=f"streams: {{text: [tokens, {{embed: d}}, {text}]}}")


def layer(inside: str) -> str:
    """The base with this as its block."""
    return spec().replace(BASE["blocks"], f"blocks: {{layer: {{{inside}}}}}")


def branch(text: str) -> str:
    return layer(f"do: [{text}]")


def example(code: str) -> str:
    rule = find(code)
    assert rule is not None
    return rule.example


def written(code: str) -> str:
    """The example without its remark."""
    return re.sub(r"\s+# .*", "", example(code))


def section(code: str) -> str:
    """The base with the example's own sections: `dims: {...}`, `blocks: {...}`."""
    text = written(code)
    return spec(**{text.partition(":")[0]: text})


SPECS: dict[str, str | bytes] = {
    "TS003": "a" * 1_100_000,
    "TS004": "name: caf\xe9".encode("latin-1"),
    "TS005": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "TS006": example("TS006"),
    "TS007": example("TS007"),
    "TS009": spec(dims=example("TS009")),
    "TS010": spec(dims="").replace("inputs:", f"{example('TS010')}\ninputs:"),
    "TS011": section("TS011"),
    "TS012": branch(f"{{norm: {{{example('TS012')}}}}}"),
    "TS013": spec(dims="").replace("inputs:", f"{example('TS013')}\ninputs:"),
    "TS014": spec(dims="").replace("inputs:", f"{example('TS014')}\ninputs:"),
    "TS015": step(f"{{norm: {{{example('TS015')}}}}}"),
    "TS016": layer(example("TS016")),
    "TS017": "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 9)),
    "TS018": example("TS018"),
    "TS102": step(f"{{{example('TS102')}}}"),
    "TS103": step(f"{{{example('TS103')}}}"),
    "TS106": branch(example("TS106").removeprefix("- ")),
    "TS107": step(example("TS107").removeprefix("- ")),
    "TS108": section("TS108"),
    "TS109": section("TS109"),
    "TS110": section("TS110"),
    "TS111": section("TS111"),
    "TS112": spec(blocks=f"blocks: {{see: {{do: [norm]}}, {example('TS112')[len('blocks: {') :]}"),
    "TS113": spec(
        blocks="blocks: {"
        + ", ".join(f"b{n}: {{extends: b{n + 1}}}" for n in range(40))
        + ", b40: {do: [norm]}}"
    ),
    "TS114": f"{example('TS114')}\n{spec()}",
    "TS115": f"{written('TS115')}\n{spec()}",
    "TS120": branch(f"{{{example('TS120')}}}"),
    "TS121": spec(dims=f"dims: {{k: {'(' * 200}1{')' * 200}}}"),
    "TS122": branch(f"{{{example('TS122')}}}"),
    "TS123": spec().replace("T: 1..8", example("TS123")[len("dims: {") : -1]),
    "TS124": section("TS124"),
    "TS130": section("TS130"),
    "TS131": section("TS131"),
    "TS132": section("TS132"),
    "TS134": spec(
        streams=f"streams: {{image: [pixels, {{linear: d}}], {example('TS134')}}}"
    ),
    "TS136": spec(streams=written("TS136").replace("[...]", "[norm]")),
    "TS138": section("TS138"),
}  # fmt: skip
CALLS = {
    code: shlex.split(written(code))[1:]
    for code in (
        *("TS001", "TS002", "TS118", "TS420", "TS421", "TS422", "TS423", "TS450", "TS451", "TS452"),
        *("TS460", "TS461", "TS470", "TS471", "TS472", "TS473", "TS474", "TS475", "TS479"),
        *("TS480", "TS481", "TS482", "TS483", "TS490", "TS491", "TS494"),
    )
}
TABLE = (
    "schema: tfspec-efficiency/1\ndevice: NVIDIA H200\ntarget: h200\n"
    "launch_us: {eager: {typical: 6, low: 5, high: 9}, compiled: {typical: 2, low: 1, high: 4}}\n"
    "rows:\n- "
)
MEASURED = "{kind: product, dtype: bf16, bound: compute, typical: 0.7, low: 0.6, high: 0.8}"
SHEETS = {
    "TS190": f"{TABLE}{example('TS190')}\n",
    "TS191": f"name: mine\nkind: cuda\n{example('TS191')}\nbandwidth_gb_per_s: 1\nmemory_gb: 1\n",
}
"""Examples of files that are no specs: an efficiency table, a target."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples of calls name."""
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    for name in ("gpt2", "mine"):
        Path(f"{name}.yaml").write_text(spec())
    frozen = "streams: {text: {do: [tokens, {embed: d}, {linear: d}], freeze: true}}"
    Path("frozen.yaml").write_text(spec(streams=frozen, outputs="outputs: {logits: text}"))
    Path("h200.json").write_text(f"{TABLE}{MEASURED}\n")
    return tmp_path


@pytest.mark.parametrize("code", SPECS)
def test_the_example_in_a_spec(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = SPECS[code]
    Path("a.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["check", "a.yaml"]) in (1, 2)
    said = re.findall(r"\[(TS\d+)\]", capsys.readouterr().err)
    assert said == [code]


def test_a_long_chain_of_extends(capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(20):
        Path(f"a{at}.yaml").write_text(f"tfspec: 1\nextends: a{at + 1}\n")
    main(["check", "a0.yaml"])
    assert re.findall(r"\[(TS\d+)\]", capsys.readouterr().err) == ["TS117"]


@pytest.mark.parametrize("code", CALLS)
def test_the_example_as_a_call(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    if code == "TS461":
        Path("gpt2.yaml").unlink()
    assert main(CALLS[code])
    assert re.findall(r"\[(TS\d+)\]", capsys.readouterr().err) == [code]


@pytest.mark.parametrize("code", SHEETS)
def test_the_example_in_a_sheet(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sheet.yaml").write_text(SHEETS[code])
    table = ["h200", "--efficiency", "sheet.yaml"] if code == "TS190" else ["sheet.yaml"]
    assert main(["cost", "mine.yaml", "--target", *table]) == 1
    assert re.findall(r"\[(TS\d+)\]", capsys.readouterr().err) == [code]


def test_every_code_is_told_somewhere() -> None:
    told = {
        code
        for path in BAD_SPECS.glob("*.yaml")
        for code in re.findall(r"^# (?:error|note)\[(TS\d+)\]", path.read_text(), re.MULTILINE)
    }
    missing = {NO_TORCH.code, NO_RENDERER.code, NO_GRAPHVIZ.code}  # in tests of the verbs
    elsewhere = {*missing, NOT_RUN.code, "TS117"}
    every = {rule.code for rule in all_rules() if not rule.code.startswith("TS99")}
    assert every - told - SPECS.keys() - CALLS.keys() - SHEETS.keys() - elsewhere == set()


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_story_is_told_in_sentences(rule: object) -> None:
    for name in ("what", "why", "mend"):
        text = getattr(rule, name)
        assert text[0].isupper() or text.startswith(("`", "tfspec ", "torch", "pip ")), text
        assert text.endswith("."), text
        assert len(text) < 300
