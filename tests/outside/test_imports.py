"""Who imports what: passes name no op, and only the runtime needs torch. Each test can fail."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSES = ("passes", "program", "graph", "targets", "cli", "diagnostics", "symbolic")
BLOCKER = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors", "transformers"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, NoTorch())
"""


def importers_of_ops(package: Path) -> list[str]:
    """The modules of passes and of what they read that import an op, or name one in a string."""
    files = [file for folder in PASSES for file in sorted((package / folder).rglob("*.py"))]
    assert len(files) > 30, "the folders are somewhere else"
    return [
        str(file.relative_to(package)) for file in files if any(_ops(ast.parse(file.read_text())))
    ]


def _ops(tree: ast.AST) -> Iterator[bool]:
    """Also under TYPE_CHECKING and inside functions: a pass has no use for an op at all."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield any(_is_op(alias.name) for alias in names)
            case ast.ImportFrom(module, names):
                whole = module or ""
                yield _is_op(whole) or (whole == "tfspec" and any(a.name == "ops" for a in names))
            case ast.Constant(str(text)):
                yield _is_op(text)
            case _:
                pass


def _is_op(name: str) -> bool:
    return name == "tfspec.ops" or name.startswith("tfspec.ops.")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source, to be spoilt."""
    for folder in ("tfspec", "specs"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_passes_import_no_op() -> None:
    assert importers_of_ops(ROOT / "tfspec") == []


@pytest.mark.parametrize(
    "code",
    [
        "from tfspec.ops.norm import Norm",
        "from tfspec import ops",
        "import tfspec.ops.linear as li",
        "def late():\n    from tfspec.ops.tokens import Take\n    return Take",
        "from importlib import import_module\nnorm = import_module('tfspec.ops.norm')",
    ],
)
def test_that_a_pass_with_an_op_is_found(copy: Path, code: str) -> None:
    spoilt = copy / "tfspec" / "passes" / "emit" / "emit.py"
    spoilt.write_text(f"{spoilt.read_text()}\n{code}\n")
    assert importers_of_ops(copy / "tfspec") == ["passes/emit/emit.py"]


# ---- torch
CALLS = {
    "import": "import tfspec",
    "python": "import tfspec; s = tfspec.load('gpt2'); s.check(); s.shapes(); s.emit()",
    "check": "main(['check', 'gpt2', 'vit-b16', 'transformer-base'])",
    "shapes": "main(['shapes', 'vit-b16'])",
    "build": "main(['build', 'gpt2', '-o', OUT])",
    "explicit": "main(['build', 'gpt2', '--style', 'explicit', '-o', OUT])",
    "cost": "main(['cost', 'llama-3-8b', '--mode', 'train', '--dtype', 'bf16'])",
    "diff": "main(['diff', 'gpt2', 'vit-b16'])",
    "draw": "main(['draw', 'transformer-base', '--cost', 'flops'])",
    "list": "main(['list'])",
    "show": "main(['show', 'gpt2'])",
    "schema": "main(['schema'])",
    "explain": "main(['explain', 'TS202'])",
}


def without_torch(root: Path, call: str, out: Path) -> subprocess.CompletedProcess[str]:
    """The call in an interpreter where torch cannot be imported."""
    lines = [BLOCKER, f"OUT = {str(out)!r}", "code = 0"]
    if call.startswith("main("):
        lines += ["from tfspec.cli import main", f"code = {call}"]
    else:
        lines.append(call)
    lines.append("sys.exit(code)")
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_this_works_without_torch(call: str, tmp_path: Path) -> None:
    done = without_torch(ROOT, call, tmp_path / "out.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "call"),
    [
        ("tfspec/__init__.py", "import"),
        ("tfspec/passes/check.py", "check"),
        ("tfspec/passes/shapes/shapes.py", "shapes"),
        ("tfspec/passes/emit/emit.py", "build"),
        ("tfspec/passes/diff/diff.py", "diff"),
        ("tfspec/passes/memory/saved.py", "cost"),
        ("tfspec/passes/draw/read.py", "draw"),
        ("tfspec/layers/norm.py", "python"),
        ("tfspec/cli/verbs/explain.py", "explain"),
    ],
)
def test_that_an_import_of_torch_is_found(copy: Path, file: str, call: str, tmp_path: Path) -> None:
    spoilt = copy / file
    text = spoilt.read_text()
    first = "from __future__ import annotations\n"
    spoilt.write_text(
        text.replace(first, f"{first}import torch\n", 1)
        if first in text
        else "import torch\n" + text
    )
    done = without_torch(copy, CALLS[call], tmp_path / "out.py")
    assert done.returncode != 0
    assert "torch is not to be imported here" in done.stderr


def test_the_runtime_is_what_needs_torch(tmp_path: Path) -> None:
    done = without_torch(ROOT, "import tfspec; tfspec.build('gpt2')", tmp_path / "out.py")
    assert "torch is not to be imported here" in done.stderr
