"""`--verify`: emitted files run, and held against the graph and against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch

from tfspec.api import Architecture
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import written
from tfspec.program.program import Program
from tfspec.runtime.agree import CLOSE, distance
from tfspec.runtime.draws import free_sizes, inputs, shrunk
from tfspec.runtime.trial import Check, Trial, short

DRAWS = 2


@dataclass(frozen=True)
class Report:
    """What `verify` found, a check of each kind."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return not any(check.problems for check in self.checks)

    def text(self) -> str:
        """A line for each kind of check."""
        return "\n".join(check.line() for check in self.checks)


def verify(
    architecture: Architecture,
    *,
    target: str | None = None,
    style: str = "fast",
    parts: Sequence[str] = (),
    loss: str | None = None,
    seed: int = 0,
    file: str = "model.py",
) -> Report:
    """Run the emitted file at random small sizes, every settable and free dim drawn, and whole on
    the meta device; hold every shape comment against the live tensor, every parameter against
    the graph, and the outputs against those of the other style. `file` is how messages call it.
    A file that calls FlexAttention, or that gives rows to experts, is built on the meta device but
    cannot run there: its check at full size is skipped, and says so.
    """
    random = Random(seed)
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    small, whole, weights = Check("shape comments"), Check("full size"), Check("parameters")
    numbers = Check("numbers")
    for draw in range(DRAWS + 1):
        full = draw == DRAWS
        graph = (architecture if full else shrunk(architecture, random)).semantics
        program = program_of(graph, target=target, style=style, parts=parts, loss=loss)
        source, writers = written(program)
        trial = Trial(program, writers, source, file, random)
        trial.run("meta" if full else "cpu", whole if full else small, weights)
        if not full:
            _compare(program, numbers, random)
    small.holds += f", at {DRAWS} draws of sizes"
    weights.holds += f", module by module, at {DRAWS} draws of sizes and at full size"
    return Report((small, numbers, weights, whole))


def _compare(program: Program, numbers: Check, random: Random) -> None:
    """The file against the other style's: two ways from one graph to the same outputs."""
    graph = program.graph
    other = "explicit" if program.style == "fast" else "fast"
    given = inputs(graph, free_sizes(graph, random), "cpu")
    try:
        apart = distance(program, program_of(graph, style=other), given, random.randrange(1 << 30))
    except Exception as error:  # a wrong file may raise anything
        numbers.problems.append(f"the files of two styles do not run: {short(error)}")
        return
    if apart > CLOSE:
        numbers.problems.append(f"fast and explicit differ by {apart:.1g} in float64")
    numbers.holds = f"fast and explicit agree to {CLOSE:g} in float64, at {DRAWS} draws of sizes"
