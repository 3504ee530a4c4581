"""Weights in code: the modules, parameters and buffers that hold them, wherever they live."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfspec.graph.scope import Entry, Group, Scope
from tfspec.graph.trace import Node
from tfspec.program import expr as ex
from tfspec.program import starting, starting_stacks
from tfspec.program.method import Method
from tfspec.program.program import Member
from tfspec.program.saves import A_BUFFER, A_FROZEN_WEIGHT, A_WEIGHT
from tfspec.program.scene import Scene
from tfspec.program.value import Storage, Value
from tfspec.symbolic import Dim, product


class Holding(Scene):
    """Members of modules: made once, whichever mode asks first."""

    def member(self, member: Member, scope: Scope | None = None) -> ex.Member:
        """Make a member of the running scope (or another) once, whichever mode asks first."""
        members = self.program.members.setdefault(scope or self.method.scope, {})
        members.setdefault(member.name, member)
        return ex.Member(member.name)

    def own(self, group: Group, make: Callable[[str], Member]) -> ex.Expr | None:
        """The member that holds a group, made by whoever runs first; None when another op's kind
        of module already holds it or it lives outside the running scope: then ask `weight`."""
        assert group.parent is not None
        made = self.program.holders.get(group)
        member = make(group.name)
        if made is None:
            self.member(member, group.parent)
            made = self.program.holders[group] = member
        same = isinstance(made.make, ex.Call) and isinstance(member.make, ex.Call)
        alike = same and _function(made.make) == _function(member.make)
        return ex.Member(made.name) if alike and group.parent is self.method.scope else None

    def weight(self, group: Group, attribute: str) -> Value:
        """One tensor of a group, from wherever its module lives."""
        return self._held(group, attribute, group.weights[attribute].shape, group.name)

    def _held(self, group: Group, attribute: str, shape: Sequence[Dim], name: str) -> Value:
        """The tensor that holds a group's weight, of this shape: its own, or one with others'."""
        weight = group.weights[attribute]
        with self.inside(self.home(group)):
            member = self.program.holders[group]
            expr: ex.Expr = ex.Member(member.name)
            if attribute:
                expr = ex.Attribute(expr, attribute)
            storage = Storage(product(shape), "float", "weight" if weight.learned else "buffer")
            held = A_FROZEN_WEIGHT if weight.learned else A_BUFFER
            why = A_WEIGHT if weight.trained else held
            value = self.method.emit(expr, shape, "float", why, storage=storage)
        return self.localize(value.named(name))

    def parameter(self, node: Node, sizes: Sequence[ex.Expr] = ()) -> Value:
        """A bare nn.Parameter of the running scope; `sizes` are its shape's text, if not plain."""
        assert node.group is not None
        weight = node.group.weights[""]
        texts = tuple(sizes) or tuple(self.number(dim, "width") for dim in weight.shape)
        empty = ex.Call(ex.Name("torch.empty"), texts or (ex.Tuple(()),))
        start = starting.bare(self.graph, weight.spec.init, empty)
        make = ex.Call(ex.Name("nn.Parameter"), (start,))
        self.own(node.group, lambda name: Member(name, make, {"": (weight,)}))
        return self.weight(node.group, "")

    def stack(
        self, nodes: Sequence[Node], sizes: Sequence[ex.Expr], fans: tuple[ex.Expr, ex.Expr]
    ) -> Value:
        """Stacks of maps [E, f, d], or of biases [E, f], of several nodes as one nn.Parameter.

        They are joined along the second axis. `sizes` are the shape's text, and `fans` how many
        features one map takes and gives.
        """
        groups = [node.group for node in nodes if node.group is not None]
        weights = tuple(group.weights[""] for group in groups)
        count, _, *rest = weights[0].shape
        shape = (count, sum((weight.shape[1] for weight in weights), Dim.of(0)), *rest)
        empty = ex.Call(ex.Name("torch.empty"), tuple(sizes))
        start = starting_stacks.start(self.graph, weights[0].spec.init, empty, *fans)
        make = ex.Call(ex.Name("nn.Parameter"), (start,))
        name = "_".join(group.name for group in groups)
        self.own(groups[0], lambda _: Member(name, make, {"": weights}, axis=1))
        return self._held(groups[0], "", shape, name)

    def joint_name(self, first: Group, name: str) -> str:
        """What the matrix is called that joins a group's map with others': this, or with a number
        where something else of its module has that name."""
        assert first.parent is not None
        made = self.program.holders.get(first)
        return made.name if made is not None else self._free_member(first.parent, name)

    def _free_member(self, scope: Scope, name: str) -> str:
        """The name, or with the first number that no entry and no member of the scope has."""
        taken = {entry.name for entry in scope.entries} | self.program.members.get(scope, {}).keys()
        names = (name if n == 1 else f"{name}{n}" for n in range(1, len(taken) + 2))
        return next(each for each in names if each not in taken)

    def home(self, entry: Entry) -> Method:
        """The method of the scope that owns an entry, among the callers of the running one."""
        method = self.method
        while method.scope is not entry.parent and method.parent is not None:
            method = method.parent
        return method

    def buffer(self, name: str, make: ex.Expr, shape: Sequence[Dim]) -> Value:
        """A constant table of the root, made once: equal tables of all streams are one."""
        top = self.program.members.setdefault(self.top.scope, {})
        made = make.text(ex.PLAIN)[0]
        found = next((m for m in top.values() if m.kind == "buffer" and m.text == made), None)
        if found is None:
            free = self._free_member(self.top.scope, name)
            found = top[free] = Member(free, make, kind="buffer", text=made)
        with self.inside(self.top):
            storage = Storage(product(shape), "float", "buffer")
            value = self.method.emit(
                ex.Member(found.name), shape, "float", A_BUFFER, storage=storage
            )
        return self.localize(value.named(name))


def _function(expr: ex.Expr | None) -> str:
    return expr.func.name if isinstance(expr, ex.Call) and isinstance(expr.func, ex.Name) else ""
