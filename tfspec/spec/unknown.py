"""Unknown names, gathered so that each is reported once, with all its places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tfspec.diagnostics import Diagnostic, Label, Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.wrong import NOWHERE

UNKNOWN_NAME = Rule(
    "TS133",
    "an unknown name",
    "A pipeline, an expression or a predicate names what the spec does not have.",
    "Every size, source, block, part and axis must come from somewhere.",
    "text: [tokns, {embed: d}]",
    "Correct the name, or declare it.",
)
MAX_PLACES = 4
LISTED = {"dim": "dims", "axis": "axes", "block": "blocks"}
MOST_LISTED = 6
MAX_SUGGESTIONS = 40  # looking for the nearest name is slow, and a file may have 20,000 names


@dataclass
class Mention:
    """An unknown name: where it stands, and what may be meant."""

    known: Iterable[str]
    helps: tuple[str, ...]
    hint: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    spans: dict[Span, None] = field(default_factory=dict[Span, None])


@dataclass
class Unknown:
    """Unknown names by what they should be (`dim`, `block`, ...)."""

    mentions: dict[tuple[str, str], Mention] = field(default_factory=dict[tuple[str, str], Mention])

    def check(
        self, kind: str, name: str, span: Span, known: Iterable[str], hint: tuple[str, ...] = ()
    ) -> None:
        """A name that should be among the known ones of this kind."""
        if name not in known:
            self.add(kind, name, span, known, hint=hint)

    def add(
        self, kind: str, name: str, span: Span, known: Iterable[str],
        helps: tuple[str, ...] = (), hint: tuple[str, ...] = (), also: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """A name that is unknown.

        Without `helps`, the nearest known one is suggested, or of the words that may stand there
        `also`; the hint is for where none is near.
        """
        mention = self.mentions.setdefault((kind, str(name)), Mention(known, helps, hint, also))
        mention.spans.setdefault(span)

    def report(self, absent: Iterable[str] = ()) -> Iterator[Diagnostic]:
        """A diagnostic for each name; for all names of an absent kind, only one."""
        absent, reported = set(absent), set[str]()
        for number, ((kind, name), mention) in enumerate(self.mentions.items()):
            if kind in absent and kind in reported and not mention.helps:
                continue
            reported.add(kind)
            helps = (f"the spec has no `{kind}s`",) if kind in absent else ()
            suggest = number < MAX_SUGGESTIONS
            yield _report(kind, name, mention, helps or _helps(kind, name, mention, suggest))


def _helps(kind: str, name: str, mention: Mention, suggest: bool) -> tuple[str, ...]:
    if mention.helps or not suggest:
        return mention.helps
    if near := nearest(name, {*mention.known, *mention.also}):
        return (f"did you mean {quoted(near)}?",)
    if mention.hint:
        return mention.hint
    known = sorted(map(str, mention.known))
    if kind not in LISTED or not 0 < len(known) <= MOST_LISTED:
        return ()
    return (f"the {LISTED[kind]} are {', '.join(map(quoted, known))}",)


def _report(kind: str, name: str, mention: Mention, helps: tuple[str, ...]) -> Diagnostic:
    first, *others = mention.spans
    return Diagnostic(
        UNKNOWN_NAME,
        f"there is no {kind} {quoted(name)}",
        Label(first) if first != NOWHERE else None,
        tuple(Label(span, "also here") for span in others[: MAX_PLACES - 1]),
        helps,
    )
