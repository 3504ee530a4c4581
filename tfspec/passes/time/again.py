"""What checkpointing runs again in backward: a region up to the last value that it saves.

A region is a layer, or a stack as a whole. What comes after its last saved value is not run again,
nor the kernel that saves only what it reads (torch's `early_stop`). Where backward asks for none of
what a region saved, it is not run again at all: it is thrown away, or only sums of it learn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.time.regions import Layer, Run


def again(runs: Iterable[Run], how: Checkpoint) -> Iterator[Run]:
    """The runs that are run once more. A layer in a layer is taken to run again with it alone."""
    if how == "none":
        return
    regions: dict[object, list[Run]] = {}
    for run in runs:
        if run.layer is not None:
            regions.setdefault(_region(run.layer, how), []).append(run)
    for region in regions.values():
        if any(run.needs and run.saves for run in region):
            yield from region[: _stop(region)]


def _region(layer: Layer, how: Checkpoint) -> object:
    return layer if how == "block" else layer.stack


def _stop(region: Sequence[Run]) -> int:
    """How many of its runs there are until all that was saved is there again."""
    saving = [at for at, run in enumerate(region) if run.saves]
    return saving[-1] + region[saving[-1]].saves_made
