"""Extending: what merges into what, which files may be read, and what is refused."""

from pathlib import Path

import pytest

from tests.spec.small import SMALL, load_changed, shown
from tfspec.layers.attend import Attend
from tfspec.layers.ffn import Ffn
from tfspec.spec.load import Loaded, load
from tfspec.spec.schema import BlockDecl, Spec


def load_files(folder: Path, **texts: str) -> Loaded:
    """The spec `main`, with other files beside it."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return load(folder / "main.yaml")


def messages(loaded: Loaded) -> list[str]:
    return [shown(each) for each in loaded.diagnostics]


def spec_of(loaded: Loaded) -> Spec:
    assert messages(loaded) == []
    assert loaded.spec is not None
    return loaded.spec


def branches(spec: Spec, block: str) -> tuple[object, ...]:
    found = spec.blocks[block]
    assert isinstance(found, BlockDecl)
    return found.do


HEAD = "tfspec: 1\nname: main\nextends: base\n"


def test_a_spec_inherits_sections_key_by_key(tmp_path: Path) -> None:
    spec = spec_of(load_files(tmp_path, base=SMALL, main=HEAD + "dims: {d: 16, k: 4}\n"))
    assert {name: str(dim) for name, dim in spec.dims.items()} == {
        "B": "batch", "T": "1..16", "V": "100", "d": "16", "h": "2", "k": "4",
    }  # fmt: skip
    assert spec.name == "main"
    assert list(spec.outputs) == ["logits"]


def test_what_is_called_none_is_gone(tmp_path: Path) -> None:
    change = "outputs: {logits: none, states: text}\ndims: {W: none}\n"
    base = SMALL.replace("V: 100", "V: 100, W: 100")
    spec = spec_of(load_files(tmp_path, base=base, main=HEAD + change))
    assert list(spec.outputs) == ["states"]
    assert "W" not in spec.dims
    loaded = load_files(tmp_path, base=SMALL, main=HEAD + "outputs: {other: none}\n")
    assert len(messages(loaded)) == 1
    assert "none" in messages(loaded)[0]


def test_name_about_and_expect_are_not_inherited(tmp_path: Path) -> None:
    base = SMALL + "about: the base\nexpect: {params: 1}\n"
    spec = spec_of(load_files(tmp_path, base=base, main=HEAD))
    assert (spec.about, spec.expect) == (None, None)
    loaded = load_files(tmp_path, main="tfspec: 1\nextends: base\n")
    assert messages(loaded) == ["1:1-14 TS102 a spec needs `name` = add `name: ...`"]


def test_lists_are_replaced(tmp_path: Path) -> None:
    change = "streams:\n  text: [tokens, {embed: d}]\n"
    spec = spec_of(load_files(tmp_path, base=SMALL, main=HEAD + change))
    assert "stack" not in str(spec.streams["text"])


def test_a_spec_changes_a_step_of_a_block(tmp_path: Path) -> None:
    change = "blocks: {layer: {attend: {heads: 4}, norm: {eps: 1e-6}}}\n"
    spec = spec_of(load_files(tmp_path, base=SMALL, main=HEAD + change))
    attend, ffn = branches(spec, "layer")
    assert isinstance(attend, Attend)
    assert isinstance(ffn, Ffn)
    assert (str(attend.heads), str(attend.mask)) == ("4", "causal and key.valid")
    block = spec.blocks["layer"]
    assert isinstance(block, BlockDecl)
    assert block.norm is not None
    assert (block.norm.at, str(block.norm.eps)) == (("pre",), "1e-06")


def test_a_block_extends_a_block() -> None:
    new = "blocks:\n  look: {extends: layer, attend: {mask: none, bias: [q]}, ffn: {act: relu}}\n"
    spec = spec_of(load_changed(("blocks:\n", new)))
    attend, ffn = branches(spec, "look")
    assert isinstance(attend, Attend)
    assert isinstance(ffn, Ffn)
    assert (str(attend.heads), attend.mask, attend.bias) == ("h", None, ("q",))
    assert (ffn.act, str(ffn.hidden)) == ("relu", "4 * width")


def test_none_is_a_value_of_norm_and_residual() -> None:
    new = "blocks:\n  probe: {extends: layer, attend: {norm: none, residual: none}}\n"
    attend, _ = branches(spec_of(load_changed(("blocks:\n", new))), "probe")
    assert isinstance(attend, Attend)
    assert attend.norm is not None
    assert attend.residual is not None
    assert attend.norm.at == ()
    assert not attend.residual.keeps_input


def test_knobs_of_sources_are_not_changed() -> None:
    new = (
        "blocks:\n"
        "  a: {norm: {at: pre}, do: [{sum: [[{linear: d}, relu], {linear: {width: d}}]}, "
        "{attend: {heads: h, to: [text, {linear: d}]}}]}\n"
        "  b: {extends: a, linear: {bias: false}}\n"
    )
    both, attend = branches(spec_of(load_changed(("blocks:\n", new))), "b")
    assert str(both).count("bias=False") == 2
    assert "bias=False" not in str(attend)


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ("nothing", "3:10-17 TS114 there is no spec `nothing` in this folder, nor a bundled one"),
        ("vit-b61", "3:10-17 TS114 there is no spec `vit-b61` in this folder, nor a bundled one = did you mean `vit-b16`?"),
        ("../main", "3:10-17 TS116 `../main` is outside the folder of the spec = put both in one folder; a bundled spec is extended by its bare name"),
        ("/etc/passwd", "3:10-21 TS116 `/etc/passwd` is outside the folder of the spec = put both in one folder; a bundled spec is extended by its bare name"),
        ("main", "3:10-14 TS115 specs extend each other: `main` -> `main`"),
        ("./main.yaml", "3:10-21 TS115 specs extend each other: `main` -> `main`"),
        ("3", "3:10-11 TS103 `extends` takes a text, not `3`"),
        ("[a]", "3:10-13 TS103 `extends` takes a text, not a list"),
    ],
)  # fmt: skip
def test_what_a_spec_cannot_extend(tmp_path: Path, extends: str, message: str) -> None:
    main = SMALL.replace("name: small\n", f"name: main\nextends: {extends}\n")
    assert messages(load_files(tmp_path, main=main)) == [message]


def test_specs_that_extend_each_other(tmp_path: Path) -> None:
    other = "tfspec: 1\nname: base\nextends: main\n"
    loaded = load_files(tmp_path, base=other, main=HEAD)
    assert messages(loaded) == ["3:10-14 TS115 specs extend each other: `main` -> `base` -> `main`"]
    assert set(loaded.sources) == {str(tmp_path / "main.yaml"), str(tmp_path / "base.yaml")}


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text(SMALL)
    (folder / "base.yaml").symlink_to(tmp_path / "secret.yaml")
    loaded = load_files(folder, main=HEAD)
    assert messages(loaded) == [
        "3:10-14 TS116 `base` is outside the folder of the spec = put both in one folder; a bundled spec is extended by its bare name"
    ]


def test_a_file_may_extend_the_bundled_spec_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "gpt2.yaml").write_text("tfspec: 1\nname: mine\nextends: gpt2\n")
    assert spec_of(load(tmp_path / "gpt2.yaml")).name == "mine"


def test_mistakes_of_the_base_show_its_file(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, base=SMALL.replace("act: gelu", "act: gleu"), main=HEAD)
    (found,) = loaded.diagnostics
    assert found.span is not None
    assert found.span.file == str(tmp_path / "base.yaml")


def test_long_chains_end(tmp_path: Path) -> None:
    files = {f"s{i}": f"tfspec: 1\nname: s\nextends: s{i + 1}\n" for i in range(40)}
    loaded = load_files(tmp_path, main=HEAD.replace("base", "s0"), **files)
    assert messages(loaded) == ["3:10-13 TS117 specs extend each other through more than 16 files"]


def test_blocks_do_not_explode() -> None:
    many = "".join(f"  b{i}: {{extends: b{i + 1}}}\n" for i in range(3000))
    loaded = load_changed(("blocks:\n", f"blocks:\n{many}  b3000: [norm]\n"))
    assert {each.code for each in loaded.diagnostics} == {"TS113", "TS110"}
    wide = "".join(f"  c{i}: {{extends: wide}}\n" for i in range(300))
    steps = ", ".join(["norm"] * 2000)
    loaded = load_changed(("blocks:\n", f"blocks:\n{wide}  wide: {{do: [{steps}]}}\n"))
    assert messages(loaded)[0].endswith(
        "TS113 with what they extend, the blocks have more than 40,000 nodes"
    )
