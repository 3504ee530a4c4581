"""What tfspec predicts of a point: bytes and seconds. Needs tfspec, and no torch.

What cannot be predicted is None, with the reason: such a point is measured all the same.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_cases import SETS
from gpu_points import MEMORY, TIME, Point, points

OPTIMIZER, CUDA_BLOCK = "adamw", 512
PEAK, TIMING = "tfspec.passes.memory.peak", "tfspec.passes.time.timing"
COMPILED = "peaks of compiled code are not predicted yet"
AGAIN = "what checkpointing keeps is not predicted yet"
UNPEAKED = "peaks are not predicted yet"
UNTIMED = "times are not predicted yet"
Figures = dict[str, Any]


def by_sdpa(target: str) -> str:
    """The same device as a target of the battery's own, where all attention is SDPA's."""
    from tfspec.targets.by_name import sheets

    name = f"{target}-sdpa"
    sheets()[name] = replace(sheets()[target], name=name, kernels=("sdpa",), devices=())
    return name


def sheets_of(targets: tuple[str, ...]) -> dict[str, Any]:
    """Peaks that measurements are fractions of, and the devices that have them."""
    from tfspec.targets.by_name import sheets

    columns = ("devices", "tflops", "bandwidth_gb_per_s")
    return {name: {each: getattr(sheets()[name], each) for each in columns} for name in targets}


def predictions(size: str, target: str, timed: tuple[str, ...]) -> dict[str, Figures]:
    """Of every point: bytes on a target, and seconds on several that have the same kernels."""
    found: dict[str, Figures] = {}
    for point in points(MEMORY, size):
        found[point.id] = {"bytes": predicted_bytes(point, target)}
    for point in points(TIME, size):
        seconds = {name: predicted_seconds(point, name) for name in timed}
        found.setdefault(point.id, {})["seconds"] = seconds
    return found


def _kernels(point: Point, target: str) -> str:
    """The target by whose kernels the point's file runs."""
    return by_sdpa(target) if point.part == "device-sdpa" else target


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _graph(point: Point) -> Any:
    from tfspec import api

    return api.load(point.model, SETS[point.model][point.size]).semantics


# ---- bytes


def predicted_bytes(point: Point, target: str) -> Figures:
    """`saved` between loss and backward, the loss too; `peak` beside what a step begins with
    (weights, inputs, optimizer); `total` with weights and optimizer, its step too."""
    if point.form == "compiled":
        return {"why": COMPILED} | _compiled(point, _kernels(point, target))
    if _there(PEAK):
        return _peak(point, _kernels(point, target))
    if point.checkpoint != "none":
        return {"why": AGAIN}
    told = {"saved": _saved(point, _kernels(point, target))} if point.mode == "train" else {}
    return told | {"why": UNPEAKED}


def _compiled(point: Point, target: str) -> Figures:
    """What backward is given, where nothing is checkpointed and no function is without a rule."""
    from tfspec.passes.memory.compiled import kept_compiled
    from tfspec.shadow.machine import Unpriced

    if point.mode != "train" or point.checkpoint != "none":
        return {}
    graph = _graph(point)
    sizes = graph.bindings() | point.load
    try:
        return {"saved": kept_compiled(graph, dtype=point.dtype, target=target, sizes=sizes).bytes}
    except Unpriced as refusal:
        return {"why": str(refusal)}


def _peak(point: Point, target: str) -> Figures:
    from tfspec.passes.memory.peak import peak

    graph = _graph(point)
    found = peak(
        graph, mode=point.mode, dtype=point.dtype, target=target, style="fast",
        sizes=graph.bindings() | point.load, checkpoint=point.checkpoint, optimizer=OPTIMIZER,
        block=1 if target == "cpu" else CUDA_BLOCK,
    )  # fmt: skip
    figures: Figures = {"peak": found.bytes, "total": found.total, "where": str(found.where)}
    return figures | ({"saved": found.saved} if point.mode == "train" else {})


def _saved(point: Point, target: str) -> int:
    """The model's, the loss, and of each output's cross entropy log-probabilities and a divisor."""
    from tfspec.passes.memory.saved import BYTES, saved

    graph = _graph(point)
    sizes = graph.bindings() | point.load
    told = saved(graph, dtype=point.dtype, target=target, sizes=sizes)
    numbers = 1
    for output in graph.outputs.values():
        count = 1
        for length in output.shape:
            count *= length.value(sizes)
        numbers += count + 1
    return told.bytes + BYTES[point.dtype] * numbers


# ---- seconds


def predicted_seconds(point: Point, target: str, efficiency: Path | None = None) -> Figures:
    """`typical`, and between which two; `kind`: roofline, or calibrated by an efficiency table."""
    from tfspec.targets.by_name import sheets

    if not _there(TIMING):
        return {"why": UNTIMED}
    if not sheets()[target].tflops:
        return {"why": f"the sheet of {target} has no rates"}
    from tfspec.passes.cost.cost import cost
    from tfspec.passes.time.efficiency import load
    from tfspec.passes.time.timing import How

    sheet = sheets()[_kernels(point, target)]
    table = load(str(efficiency)) if efficiency else None
    how = How(sheet, table, compiled=point.form == "compiled")
    graph = _at(point)
    found = cost(
        graph,
        point.mode,
        point.dtype,
        OPTIMIZER,
        how=how,
        checkpoint=point.checkpoint,
        style="fast",
    )
    spans = {name: getattr(found.time, name) for name in ("typical", "low", "high")}
    return {**spans, "kind": found.timing.kind}


def _at(point: Point) -> Any:
    """The graph with the load set: costs are of dims that are bound."""
    from tfspec import api

    return api.load(point.model, SETS[point.model][point.size] | point.load).semantics
