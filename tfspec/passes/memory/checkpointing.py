"""Activation checkpointing of an emitted file: its stacks rewritten to call torch's `checkpoint`.

`block`: every layer of every stack is run again in backward, and keeps its inputs alone. `full`: so
does every stack as a whole. It is the variant without reentrant autograd, as torch recommends.
"""

from __future__ import annotations

import ast
from typing import Literal

Checkpoint = Literal["none", "block", "full"]
CHECKPOINTS: tuple[Checkpoint, ...] = ("none", "block", "full")
_IMPORT = ast.parse("from torch.utils.checkpoint import checkpoint").body


def checkpointed(source: str, how: Checkpoint) -> str:
    """The file with checkpointing. Its comments go."""
    if how == "none":
        return source
    tree = ast.parse(source)
    at = next(i for i, each in enumerate(tree.body) if isinstance(each, ast.Import))
    tree.body[at:at] = _IMPORT
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef):
            _Stacks(scope, how).visit(scope)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Stacks(ast.NodeTransformer):
    """Rewrites the loops of one method whose rounds call `block`."""

    def __init__(self, scope: ast.FunctionDef, how: Checkpoint) -> None:
        self.how = how
        self.locals = {arg.arg for arg in scope.args.args if arg.arg != "self"} | _assigned(scope)

    def visit_For(self, node: ast.For) -> ast.stmt:
        if not any(_is_layer(each) for each in ast.walk(node)):
            return node
        if self.how == "block":
            return _Layers().visit(node)
        return self._whole(node)

    def _whole(self, loop: ast.For) -> ast.stmt:
        """x = checkpoint(stack, x, ...): what the loop reads is passed, for names are rebound."""
        loops = [each for each in ast.walk(loop) if isinstance(each, ast.For)]
        own = set[str]().union(*(_assigned(each.target) for each in loops))
        carries = sorted(_assigned(loop) - own)
        read = {each.id for each in ast.walk(loop) if isinstance(each, ast.Name)}
        rest = sorted((read & self.locals) - own - {*carries})
        carry, names = ", ".join(carries), ", ".join([*carries, *rest])
        made = ast.parse(f"def stack({names}):\n    return {carry}").body[0]
        assert isinstance(made, ast.FunctionDef)
        made.body.insert(0, loop)
        call = f"{carry} = checkpoint(stack, {names}, use_reentrant=False)"
        return ast.If(ast.Constant(True), [made, *ast.parse(call).body], [])


class _Layers(ast.NodeTransformer):
    """block(x, ...) as checkpoint(block, x, ...)."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        if not _is_layer(node):
            return node
        option = ast.keyword("use_reentrant", ast.Constant(False))
        return ast.Call(ast.Name("checkpoint"), [node.func, *node.args], [*node.keywords, option])


def _is_layer(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "block"
    )


def _assigned(scope: ast.AST) -> set[str]:
    """Names that are bound anywhere in it."""
    names = (each for each in ast.walk(scope) if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Store)}
