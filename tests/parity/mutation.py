"""A mistake that is made in our model, in its spec or in its file, so that the tests must see it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.parity.reference import Reference


@dataclass(frozen=True)
class Mutation:
    """A mistake: a text of the spec (or of the emitted file, `in_code`) replaced by another."""

    what: str
    reference: Reference
    old: str
    new: str
    in_code: bool = False
    quiet: bool = False
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.reference.spec}: {self.what}"


def mutated(mutation: Mutation) -> str:
    """The emitted file of our model with the mistake in it."""
    reference = mutation.reference
    # where one of q, k and v has no bias, the fast style stacks the others under another name
    style = "explicit" if mutation.without else "fast"
    if mutation.in_code:
        return replaced(reference.architecture.emit(style=style), mutation)
    return reference.architecture_of(replaced(reference.text, mutation)).emit(style=style)


def replaced(text: str, mutation: Mutation) -> str:
    assert mutation.old in text, f"{mutation.old!r} is not there:\n{text}"
    return text.replace(mutation.old, mutation.new)
