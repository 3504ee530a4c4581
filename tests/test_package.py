"""The package as it is installed: what it imports, what it holds, what its files promise."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import jsonschema
import pytest
import yaml

import tfspec
from tfspec import zoo

ROOT = Path(__file__).parents[1]
SPECS = sorted([*(ROOT / "specs").glob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])

VERB_CALLS = [
    ["check", "gpt2"],
    ["check", "gpt2", "--set", "d=7"],
    ["shapes", "vit-b16"],
    ["build", "gpt2"],
    ["report", "gpt2", "--target", "h200"],
    ["list"],
    ["show", "gpt2"],
    ["schema"],
    ["explain"],
]


def imported(code: str, *names: str) -> set[str]:
    """Which of some modules are imported after a fresh interpreter has run the code."""
    listed = f"{code}\nimport sys; sys.stderr.write(repr([*({set(names)} & {{*sys.modules}})]))"
    done = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(ast.literal_eval(done.stderr.splitlines()[-1]))


def importers(of: str, files: Iterable[Path]) -> list[str]:
    """The files that import a package when they are imported or when they run."""
    return [file.name for file in files if of in _imports(ast.parse(file.read_text()))]


def _imports(tree: ast.AST) -> set[str]:
    """Top packages that code imports; what stands under `if TYPE_CHECKING` is for types only."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return set()
    found = {name for child in ast.iter_child_nodes(tree) for name in _imports(child)}
    if isinstance(tree, ast.Import):
        found |= {alias.name.partition(".")[0] for alias in tree.names}
    if isinstance(tree, ast.ImportFrom) and tree.module and not tree.level:
        found.add(tree.module.partition(".")[0])
    return found


def test_importing_tfspec_imports_nothing_heavy() -> None:
    heavy = ("torch", "pydantic", "rich", "networkx", "yaml", "graphviz", "jinja2", "tfspec.api")
    assert imported("import tfspec", *heavy) == set()


@pytest.mark.parametrize("argv", VERB_CALLS, ids=" ".join)
def test_a_verb_imports_no_torch(argv: list[str]) -> None:
    assert imported(f"from tfspec.cli import main; main({argv})", "torch", "numpy") == set()


def test_a_picture_imports_what_it_needs(tmp_path: Path) -> None:
    """Costs take as long to import as drawing does, and what reaches the network longer."""
    argv = ["draw", "gpt2", "-o", str(tmp_path / "a.svg")]
    names = ("tfspec.passes.cost.cost", "tfspec.passes.memory.saved", "urllib.request", "rich")
    assert imported(f"from tfspec.cli import main; main({argv})", *names) == set()
    with_costs = imported(
        f"from tfspec.cli import main; main({[*argv, '--cost', 'flops']})", *names
    )
    assert "tfspec.passes.cost.cost" in with_costs


def test_the_test_of_imports_can_fail() -> None:
    assert imported("import torch", "torch", "nothing_of_this_name") == {"torch"}


def test_only_the_runtime_imports_torch() -> None:
    files = [file for file in (ROOT / "tfspec").rglob("*.py") if "runtime" not in file.parts]
    assert importers("torch", files) == []


@pytest.mark.parametrize(
    ("code", "imports_torch"),
    [
        ("import torch", True),
        ("def f():\n    from torch import nn", True),
        ("if TYPE_CHECKING:\n    from torch import nn", False),
        ("from tfspec.torch import x", False),
        ("text = 'import torch'", False),
    ],
)
def test_that_test_can_fail(tmp_path: Path, code: str, imports_torch: bool) -> None:
    (tmp_path / "a.py").write_text(code)
    assert importers("torch", [tmp_path / "a.py"]) == ["a.py"] * imports_torch


def test_the_public_names_are_there() -> None:
    assert dir(tfspec) == sorted(tfspec.__all__)
    assert all(getattr(tfspec, name) for name in tfspec.__all__)
    with pytest.raises(AttributeError, match="module 'tfspec' has no attribute 'chekc'"):
        tfspec.chekc  # noqa: B018


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", tfspec.__version__)


# The bundled specs


def test_the_committed_schema_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tfspec", "schema"], capture_output=True, cwd=ROOT, check=True
    )
    current = (ROOT / "specs" / "schema.json").read_bytes() == done.stdout
    assert current, "write it anew: tfspec schema -o specs/schema.json"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_has_the_editors_schema_line_and_is_valid_by_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found, first
    schema = json.loads((path.parent / found[1]).read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@pytest.mark.parametrize("name", zoo.names())
def test_every_size_of_a_bundled_spec_is_a_dim(name: str) -> None:
    spec = yaml.safe_load(Path(zoo.path(name)).read_text())
    sections = ("inputs", "blocks", "streams", "outputs")  # where they are not another spec's
    text = json.dumps([spec.get(section) for section in sections])
    literals = re.findall(r'"(?:width|heads|hidden|depth|linear|embed)": (\d+)', text)
    assert literals == []


# The wheel


@pytest.mark.slow
def test_the_wheel_has_the_specs_and_checks_without_torch(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*pip, str(ROOT)], check=True)
    wheel = next(tmp_path.glob("*.whl"))
    held = zipfile.ZipFile(wheel).namelist()
    bundled = {f"tfspec/specs/{path.name}" for path in (ROOT / "specs").iterdir()}
    assert bundled | {"tfspec/py.typed"} <= set(held)
    fonts = {f"tfspec/passes/draw/fonts/{each}" for each in ("LiberationSans-Bold.ttf", "OFL.txt")}
    assert fonts <= set(held)
    page = {f"tfspec/passes/report/page/{each}" for each in ("page.html", "page.css", "page.js")}
    assert page <= set(held)
    assert not [name for name in held if name.startswith(("tests/", "examples/"))]
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    for argv in VERB_CALLS:
        done = subprocess.run([python, "-m", "tfspec", *argv], cwd=tmp_path, capture_output=True)
        assert done.returncode in (0, 1), (argv, done.stderr)
    run = [str(tmp_path / "venv" / "bin" / "tfspec"), "build", "vit-b16", "--run"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[TS424]: running needs torch, and it is not installed\n"
        "  = help: pip install 'tfspec[torch]', or run the emitted file where torch is.\n"
    )
