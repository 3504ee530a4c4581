"""The emitted file as a whole: docstring, imports, helpers, classes, and how to run it."""

from __future__ import annotations

from tfspec.passes.emit.head import head
from tfspec.passes.emit.module import ClassWriter
from tfspec.passes.emit.tail import tail
from tfspec.program import starting
from tfspec.program.classes import Book
from tfspec.program.program import Program


def file_text(program: Program) -> str:
    """The source. Equal programs give equal bytes."""
    return written(program)[0]


def written(program: Program) -> tuple[str, list[ClassWriter]]:
    """The source, and the writers of its classes: they know what a class's own letters mean."""
    book = Book(program)
    writers = [ClassWriter(program, book, module) for module in book.classes]
    classes = [writer.text() for writer in writers]
    ending = tail(program, book)
    start = starting.function(program)
    helpers = [*program.helpers.values(), *([start] if start else [])]
    body = "\n\n".join([*helpers, *classes, *ending])
    return f"{head(program, body)}\n\n{body}", writers
