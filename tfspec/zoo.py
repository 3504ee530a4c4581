"""The bundled specs: good models, one YAML file each, found by name from anywhere."""

from __future__ import annotations

from os import listdir
from pathlib import Path

_PACKAGE = Path(__file__).parent
_FOLDERS = (_PACKAGE / "specs", _PACKAGE.parent / "specs")  # installed; in a source checkout
SUFFIX = ".yaml"


def folder() -> Path | None:
    """Where the bundled specs are, or None if this installation has none."""
    return next((each for each in _FOLDERS if each.is_dir()), None)


def names() -> list[str]:
    """The names of all bundled specs, sorted."""
    where = folder()
    return sorted(each.stem for each in where.glob(f"*{SUFFIX}")) if where else []


def path(name: str) -> Path | None:
    """The file of a bundled spec by its bare name (`gpt2`, `gpt2.yaml`), or None."""
    file = f"{name.removesuffix(SUFFIX)}{SUFFIX}"
    where = folder() if Path(file).name == file else None
    return where / file if where and file in listdir(where) else None
