"""Graphviz, which lays out graphs of ops: its program `dot`, through the package `graphviz`."""

from __future__ import annotations

_INSTALL = "apt install graphviz, brew install graphviz, or conda install graphviz"
_WITHOUT = "without it there are -o FILE.dot and .mmd, the terminal, and --level blocks"


class GraphvizError(RuntimeError):
    """The program `dot` is missing or fails; `help` says what to do."""

    def __init__(self, message: str, *help: str) -> None:
        super().__init__("\n".join([message, *help]))
        self.message, self.help = message, help


def run_dot(text: str, form: str) -> str:
    """What `dot` makes of a graph, in one of its formats. Raises GraphvizError."""
    from graphviz import CalledProcessError, ExecutableNotFound, Source  # pyright: ignore[reportMissingTypeStubs]

    try:
        return Source(text).pipe(format=form, encoding="utf-8", quiet=True)
    except ExecutableNotFound:
        message = "a picture of ops is laid out by Graphviz, and its program `dot` is not installed"
        raise GraphvizError(message, _INSTALL, _WITHOUT) from None
    except CalledProcessError as failed:
        said = str(failed.stderr or "").strip().partition("\n")[0]
        message = f"a picture of ops is laid out by Graphviz, and its program `dot` failed: {said}"
        raise GraphvizError(message, _WITHOUT) from None
