"""Stacks as loops: one call a round, or one for each kind of layer in turn."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.method import Loop, Place
from tfspec.program.naming import ANONYMOUS
from tfspec.program.printer_lines import INDENT, Lines
from tfspec.program.value import Value


class Loops(Lines):
    """Writes loops."""

    def _loop(self, loop: Loop) -> None:
        carries = self._carried(loop)
        carry = ", ".join(carries)
        present = [item for item in loop.states.values() if not self._unseen(item)]
        blocks, target = ex.Member(loop.name), "block"
        again = 4 if loop.rounds > 1 else 0
        if again:
            self.lines.append(f"for _ in range({loop.rounds}):")
        if present:
            blocks, target = ex.Call(ex.Name("zip"), (blocks, present[0])), "block, kv"
        comment = self.shapes.of(loop.outputs)
        calls = {at: self._call(place, carries, loop) for at, place in enumerate(loop.places)}
        kinds: dict[str, list[int]] = {}
        for at, call in calls.items():
            kinds.setdefault(call.text(self)[0], []).append(at)
        if len(kinds) == 1:
            self._header(f"for {target} in ", blocks, again)
            self._write(f"{carry} = ", calls[0], comment, extra=again + 4)
        else:
            target = f"({target})" if present else target
            self._header(f"for i, {target} in ", ex.Call(ex.Name("enumerate"), (blocks,)), again)
            for at, places in enumerate(kinds.values()):
                word = "if" if at == 0 else "elif" if at < len(kinds) - 1 else "else"
                self._test(word, places, len(calls), again + 4)
                self._write(f"{carry} = ", calls[places[0]], comment, extra=again + 8)
        for output, name in zip(loop.outputs, carries, strict=True):
            self._hold(output, name)

    def _header(self, head: str, expr: ex.Expr, extra: int) -> None:
        made = layout.header(head, expr, self, INDENT + extra)
        self.lines += [" " * extra + line for line in made]

    def _test(self, word: str, places: Sequence[int], count: int, extra: int) -> None:
        """The condition on i under which a kind of call is made; the last kind has none."""
        if word == "else":
            self.lines.append(f"{' ' * extra}else:")
        elif len(places) == 1:
            self.lines.append(f"{' ' * extra}{word} i % {count} == {places[0]}:")
        else:
            among = ex.Tuple(tuple(ex.Name(str(place)) for place in places))
            self._header(f"{word} i % {count} in ", among, extra)

    def _carried(self, loop: Loop) -> list[str]:
        """The loop's variables: each carry's own name, or a copy's where the carry lives on."""
        names = [self._named(value) for value in loop.carry]
        for at, value in enumerate(loop.carry):
            names[at] = self._variable(loop, value, names[at], names[:at])
        return names

    def _variable(self, loop: Loop, carry: Value, name: str, taken: Sequence[str]) -> str:
        beside = [expr for place in loop.places for _, expr in place.given]
        again = any(isinstance(expr, ex.Ref) and expr.to is carry for expr in beside)
        if carry not in self._alive(()) and not again and name.isidentifier():
            return name
        read = [self.names[value] for value in loop.inputs if value in self.names]
        fresh = self._free(ANONYMOUS, beside=[*read, *taken])
        self.lines.append(f"{fresh} = {name}")
        return fresh

    def _call(self, place: Place, carries: Sequence[str], loop: Loop) -> ex.Invoke:
        given = tuple((param, self._state_of(loop, param, expr)) for param, expr in place.given)
        carried = zip(place.child.params, map(ex.Name, carries), strict=False)
        return ex.Invoke(place.child, ex.Name("block"), (*carried, *given))

    def _state_of(self, loop: Loop, param: Value, expr: ex.Expr) -> ex.Expr:
        """The layer's own cache, in a mode that has caches."""
        state = loop.states.get(param)
        return ex.Name("kv") if state is not None and not self._unseen(state) else expr
