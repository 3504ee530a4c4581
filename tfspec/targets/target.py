"""What a target is: where a program runs, and what suits it there."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfspec.diagnostics import Diagnostic, Rule, nearest

UNKNOWN_TARGET = Rule(
    "TS450",
    "an unknown target",
    "`--target` names no target that tfspec knows.",
    "A target decides kernels and compile settings, so it cannot be guessed.",
    "tfspec build gpt2 --target cpuu",
    "Name a known target; the message lists them.",
)


@dataclass(frozen=True)
class Target:
    """A device kind. `compile` are keywords of torch.compile that suit it."""

    name: str
    about: str
    compile: dict[str, str] = field(default_factory=dict[str, str])


def names() -> list[str]:
    from tfspec.targets import cpu

    return [cpu.CPU.name]


def find(name: str) -> Target | Diagnostic:
    """A target by name, or what to say of a name that is none."""
    from tfspec.targets import cpu

    if name == cpu.CPU.name:
        return cpu.CPU
    near = nearest(name, names())
    help = f"did you mean `{near}`?" if near else f"known targets: {', '.join(names())}"
    return Diagnostic(UNKNOWN_TARGET, f"there is no target `{name}`", None, help=(help,))
