"""What checkpointing runs again in backward: a region up to the last value that it saves.

A region is a layer, or a stack as a whole. What comes after its last saved value is not run again,
nor the kernel that saves only what it reads (torch's `early_stop`). Where backward asks for none of
what a region saved, it is not run again at all: it is thrown away, or only sums of it learn.

A region in a region runs again with that, and by itself. To the one around it saves what goes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.time.regions import Layer, Run


def again(runs: Iterable[Run], how: Checkpoint) -> Iterator[Run]:
    """The runs that are run once more, each as often as it is."""
    if how == "none":
        return
    regions: dict[object, list[Run]] = {}
    for run in runs:
        for region in _around(run, how):
            regions.setdefault(region, []).append(run)
    for region, inside in regions.items():
        if any(run.needs and run.saves for run in inside):
            yield from inside[: _stop(region, inside, how)]


def _around(run: Run, how: Checkpoint) -> list[object]:
    """The regions that it is in, the innermost first."""
    found: list[Layer] = []
    layer = run.layer
    while layer is not None:
        found.append(layer)
        layer = layer.around
    return [layer if how == "block" else layer.stack for layer in found]


def _stop(region: object, inside: Sequence[Run], how: Checkpoint) -> int:
    """How many of its runs there are until all that was saved is there again."""
    stop, before = 0, None
    for at, run in enumerate(inside):
        within = _around(run, how)
        inner = within[within.index(region) - 1] if within[0] != region else None
        if inner is None and run.saves:
            stop = at + run.saves_made
        elif inner is not None and inner != before:
            stop = at
        before = inner
    return stop
