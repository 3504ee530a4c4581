"""Shape comments of an emitted file, with their statements; and a file that reports its values."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

SEEN, CALLED, CALL = "__seen__", "__called__", "__call__"
_SHAPES = re.compile(r"\[.*\]")


@dataclass(frozen=True)
class Comment:
    """`# [B, T, d]` on a line, and the line on which its statement begins."""

    line: int
    text: str
    statement: int


class Homeless(ValueError):
    """A shape comment that belongs to no assignment and no return."""


def comments(source: str) -> list[Comment]:
    """Every shape comment, in order. Raises Homeless for one without a statement."""
    statements = list(_statements(ast.parse(source)))
    ends = {node.end_lineno: node for node in statements}
    starts = {node.lineno: node for node in statements}
    found: list[Comment] = []
    for line, text, alone in _texts(source):
        node = starts.get(line + 1) if alone else ends.get(line)
        if node is None:
            raise Homeless(f"line {line}: `# {text}` belongs to no statement")
        found.append(Comment(line, text, node.lineno))
    return found


def _texts(source: str) -> Iterator[tuple[int, str, bool]]:
    """Line and text of each shape comment, and whether it stands on a line of its own."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.removeprefix("#").strip()
        if token.type == tokenize.COMMENT and _SHAPES.fullmatch(text):
            yield token.start[0], text, token.line.lstrip().startswith("#")


def _statements(tree: ast.Module) -> Iterator[ast.Assign | ast.Return]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) or (isinstance(node, ast.Return) and node.value):
            yield node


def instrumented(source: str, found: list[Comment]) -> ast.Module:
    """The file's tree, in which every commented value passes through `__seen__(call, line, value)`.

    `call` is what `__called__(self, name)` gave when the function was entered; self is None in a
    plain function. Line numbers stay.
    """
    tree = ast.parse(source)
    _Instrument({comment.statement: comment.line for comment in found}).visit(tree)
    return ast.fix_missing_locations(tree)


class _Instrument(ast.NodeTransformer):
    def __init__(self, lines: dict[int, int]) -> None:
        self.lines = lines

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        own = _load("self") if node.args.args[:1] and node.args.args[0].arg == "self" else None
        self.generic_visit(node)
        enter = ast.Call(_load(CALLED), [own or ast.Constant(None), ast.Constant(node.name)], [])
        node.body.insert(0, ast.Assign([ast.Name(CALL, ast.Store())], enter))
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        node.value = self._seen(node.lineno, node.value)
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None:
            node.value = self._seen(node.lineno, node.value)
        return node

    def _seen(self, statement: int, value: ast.expr) -> ast.expr:
        line = self.lines.get(statement)
        if line is None:
            return value
        arguments = [_load(CALL), ast.Constant(line), value]
        return ast.Call(_load(SEEN), arguments, [])


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())
