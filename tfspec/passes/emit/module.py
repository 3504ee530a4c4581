"""One class of the emitted file: docstring, __init__, and a method for each mode that needs one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfspec.passes.emit.cache_room import cache_method
from tfspec.passes.emit.frozen import frozen
from tfspec.passes.emit.text import docstring, sentence
from tfspec.program import expr as ex
from tfspec.program import layout, starting
from tfspec.program.classes import Book, ModuleClass
from tfspec.program.method import Method
from tfspec.program.printer import MethodPrinter
from tfspec.program.program import Member, Program
from tfspec.program.shapes import ShapeWriter
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(eq=False)
class InitNames:
    """How numbers read in __init__: fixed ones as they are, the others as arguments."""

    module: ModuleClass
    stored: list[str] = field(default_factory=list[str])

    def value(self, value: Value) -> tuple[str, int]:
        raise AssertionError("__init__ computes no values")

    def number(self, number: ex.Number) -> str:
        found = self.module.by_number.get(id(number))
        return number.literal if found is None else found.text()

    def length(self, dim: Dim) -> tuple[str, int]:
        raise AssertionError(f"weights are made of {dim}, which is not fixed")

    def called(self, call: ex.Invoke) -> str:
        raise AssertionError("__init__ calls no forward")

    def arguments(self, call: ex.Invoke) -> list[str]:
        raise AssertionError("__init__ calls no forward")

    def item(self, item: ex.Item) -> str:
        raise AssertionError("__init__ has no cache")


class ClassWriter:
    """Writes one class of a program."""

    def __init__(self, program: Program, book: Book, module: ModuleClass) -> None:
        self.program, self.book, self.module = program, book, module
        self.scope = module.scopes[0]
        self.names = InitNames(module)
        self.is_root = self.scope is book.root
        self.shapes: dict[str, ShapeWriter] = {}

    def text(self) -> str:
        methods, stored, legend = self._methods()
        doc = docstring(self._doc(), legend, indent=4)
        init = self._init(stored)
        start = [f"class {self.module.name}(nn.Module):", *doc, *([""] if init else [])]
        lines = [*start, *init, *methods]
        while lines[-1] == "":
            lines.pop()
        return "\n".join(lines) + "\n"

    def _doc(self) -> str:
        return sentence(
            self.scope.doc.strip() or self.book.methods(self.scope)[0].doc or "The model."
        )

    # ---- methods
    def _methods(self) -> tuple[list[str], list[str], str]:
        lines: list[str] = []
        stored: list[str] = []
        legends: list[str] = []
        room: list[str] = []
        for name, method, twins in self._bodies():
            shapes = self.shapes[name] = ShapeWriter(self.program.graph, self.module, twins)
            printer = MethodPrinter(self.book, self.module, method, shapes)
            rendered = printer.render(name)
            lines += ["", *(_documented(name, method, rendered) if self.is_root else rendered)]
            if self.program.generates and (name == "decode" or not self.is_root):
                room = cache_method(self.book, self.module, method, printer)
            stored += [argument for argument in printer.stored if argument not in stored]
            legends.append(shapes.legend())
        return lines + room, stored, "; ".join(legend for legend in legends if legend)

    def _bodies(self) -> list[tuple[str, Method, list[Method]]]:
        """Below the root all modes share one forward, but where decoding does less; the root has a
        method a mode.
        """
        if self.is_root:
            roots = self.program.roots.items()
            return [(mode, method, [method]) for mode, method in roots]
        named = (
            ("forward", self.book.variants(self.module)),
            ("decode", self.book.decoding(self.module)),
        )
        return [(name, variants[0], variants) for name, variants in named if variants]

    # ---- __init__
    def _init(self, stored: list[str]) -> list[str]:
        made = [line for member in self.book.members(self.scope) for line in self._member(member)]
        kept = [f"        self.{name} = {name}" for name in stored]
        if not made and not kept:
            return []
        arguments = ["self", *self.module.arguments]
        head = layout.signature("__init__", arguments, 4)
        lines = [*(f"    {line}" for line in head), "        super().__init__()", *kept, *made]
        return lines + (self._start() if self.is_root else [])

    def _start(self) -> list[str]:
        drawn = ["        init_weights(self)"] if starting.function(self.program) else []
        return [*drawn, *(f"        {line}" for line in frozen(self.book, self.names))]

    def _member(self, member: Member) -> list[str]:
        if member.kind == "buffer":
            assert member.make is not None
            name = ex.Name(f'"{member.name}"')
            options = () if member.holds else (("persistent", ex.FALSE),)
            call = ex.Call(ex.Name("self.register_buffer"), (name, member.make), options)
            lines = layout.lines("", call, self.names, "", 8)
        else:
            expr = member.make or self._children(member)
            lines = layout.lines(f"self.{member.name} = ", expr, self.names, "", 8)
        return [f"        {line}" for line in lines]

    def _children(self, member: Member) -> ex.Expr:
        made = [self._construct(scope) for scope in member.children]
        if member.kind == "child":
            return made[0]
        total = ex.Number(member.count * len(made), "depth")
        texts = list(dict.fromkeys(m.text(self.names)[0] for m in made))
        count = self._loop(member) or f"_ in range({self.names.number(total)})"
        every = [m.text(self.names)[0] for m in made]
        if len(texts) == 1:
            pieces = (texts[0], f"for {count}")
            inside = ex.Split(" ".join(pieces), (*_broken(texts[0], 12), f"for {count}"))
        elif member.count == 1:
            inside = ex.Split(f"[{', '.join(every)}]", _lines("[", every, "]"))
        else:
            rounds = f"for {self._loop(member) or f'_ in range({member.count})'}"
            each = f"for block in ({', '.join(every)})"
            broken = _lines("for block in (", every, ")") if len(each) > 76 else (each,)
            inside = ex.Split(f"block {rounds} {each}", ("block", rounds, *broken))
        return ex.Call(ex.Name("nn.ModuleList"), (inside,))

    def _loop(self, member: Member) -> str | None:
        """`i in range(2, 14, 2)`, where layers are made with numbers of their own."""
        layered = [
            number.value
            for scope in member.children
            for number in self.book.arguments(scope)
            if isinstance(number.value, ex.Layered) and number.varies
            if id(number) not in self.module.by_number
        ]
        if not layered:
            return None
        indices = layered[0].layers
        start, step = indices.start - layered[0].lead, indices.step
        stop = start + len(indices) * step
        if step > 1:
            return f"i in range({start}, {stop}, {step})"
        return f"i in range({start}, {stop})" if start else f"i in range({stop})"

    def _construct(self, scope: object) -> ex.Call:
        from tfspec.graph.scope import Scope

        assert isinstance(scope, Scope)
        module = self.book.by_scope[scope]
        return ex.Call(ex.Name(module.name), tuple(self.book.arguments(scope)))


def _lines(opening: str, items: Sequence[str], closing: str) -> tuple[str, ...]:
    """The items of a tuple or list, a line each, or as many as a call takes."""
    inner = (f"    {line}" for item in items for line in _broken(f"{item},", 16))
    return (opening, *inner, closing)


def _broken(call: str, indent: int) -> tuple[str, ...]:
    """A call as formatters break it where it is too long; a comma may follow it."""
    if indent + len(call) <= layout.WIDTH:
        return (call,)
    name, _, rest = call.partition("(")
    arguments, _, comma = rest.rpartition(")")
    lines = (arguments,)
    if indent + 4 + len(arguments) > layout.WIDTH:
        lines = tuple(f"{argument}," for argument in arguments.split(", "))
    return (f"{name}(", *(f"    {line}" for line in lines), f"){comma}")


_DOCS = {
    "prefill": "Logits of a prompt's last token; leaves the prompt in the cache.",
    "decode": "Logits of new tokens, which stand at `position` [T], against the cache.",
}
_ROOM = {"tokens": "slots", "places": "places"}
_DOCS_OF_PLACES = {
    "prefill": "`{output}` at a prompt's last place; leaves the prompt in the cache.",
    "decode": "`{output}` at new places, `position` [T], against the cache. A place that\n"
    "        is given again is written anew.",
}


def _documented(name: str, method: Method, rendered: list[str]) -> list[str]:
    """A method with its docstring behind its signature, which may take several lines."""
    if name not in _DOCS:
        return rendered
    body = next(at for at, line in enumerate(rendered) if line.endswith("):")) + 1
    program = method.low.program
    docs = _DOCS if program.counted == "tokens" else _DOCS_OF_PLACES
    graph = program.graph
    said = docs[name].replace("[T]", f"[{graph.token_axis.name if graph.on_grid else 'T'}]")
    said = said.replace("{output}", graph.continued)
    doc = [f'        """{said}"""']
    slots = [f"`{x.hint}`" for x in method.params if program.graph.slots in x.shape]
    if slots:
        every = f"        {' and '.join(slots)}: of all the cache's {_ROOM[program.counted]}."
        doc = [doc[0].removesuffix('"""'), every, '        """']
    return [*rendered[:body], *doc, *rendered[body:]]
