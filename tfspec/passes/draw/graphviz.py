"""Graphviz, which lays out graphs of ops: its program `dot`, through the package `graphviz`."""

from __future__ import annotations

import json
from typing import Any, cast

from tfspec.diagnostics.escape import escape

_INSTALL = "apt install graphviz, brew install graphviz, or conda install graphviz"
_WITHOUT = "without it there are -o FILE.dot and .mmd, the terminal, and --level blocks"


class GraphvizError(RuntimeError):
    """The program `dot` is missing or fails; `help` says what to do."""

    def __init__(self, message: str, *help: str) -> None:
        super().__init__("\n".join([message, *help]))
        self.message, self.help = message, help


_NEEDED = "ops that read each other across branches are laid out by Graphviz, and its program `dot`"


def run_dot(text: str) -> dict[str, Any]:
    """Where `dot` puts a graph's parts: its JSON. Raises GraphvizError."""
    from graphviz import CalledProcessError, ExecutableNotFound, pipe  # pyright: ignore[reportMissingTypeStubs]

    try:
        return _read(pipe("dot", "json0", text.encode(), quiet=True))
    except ExecutableNotFound:
        raise GraphvizError(f"{_NEEDED} is not installed", _INSTALL, _WITHOUT) from None
    except CalledProcessError as failed:
        said = bytes(failed.stderr or b"").decode(errors="replace").strip().partition("\n")[0]
        raise _failed(said or f"it ended with exit status {failed.returncode}") from None
    except OSError as broken:  # there is such a file, and it is no program
        raise _failed(broken.strerror or "it cannot be run") from None


def _read(answer: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(answer)
    except ValueError:
        raise _failed("it gave no JSON") from None
    if not isinstance(found, dict) or "bb" not in found:
        raise _failed("its JSON has no `bb`")
    return cast("dict[str, Any]", found)


def _failed(why: str) -> GraphvizError:
    return GraphvizError(f"{_NEEDED} failed: {escape(why)}", _WITHOUT)
