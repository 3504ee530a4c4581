"""How fast the emitted code is beside its peers: forward, train step and decoding, in bf16.

An implementation is timed only after its numbers were right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gpu_cases import DECODE, load_name
from gpu_clock import clocks, compared, in_turns
from gpu_loads import Make, Timed, decode, forward, train
from gpu_models import Model
from gpu_numerics import How, cleanly
from gpu_rows import Job, Row, reason


def jobs(models: Sequence[Model], how: How, iterations: int) -> list[Job]:
    """Forward and train step of every model, then decoding in two settings."""
    found = [job for model in models for job in model_jobs(model, how, iterations)]
    return found + decode_jobs(models[0], how, iterations)


def model_jobs(model: Model, how: How, iterations: int, form: str = "") -> list[Job]:
    """Training is counted at three times the forward pass's FLOPs."""
    load = model.timed_load
    flops = model.flops(load)
    kinds: list[tuple[str, int, Any]] = [("forward", flops, forward), ("train", 3 * flops, train)]
    if model.pads:
        kinds.append(("forward, padded", flops, partial(forward, padded=True)))
    found: list[Job] = []
    for what, cost, make in kinds:
        about = {"what": what + form, "load": load_name(load), "flops": cost}
        if how.backend is None:
            about["backend"] = "eager"
        makers = partial(make, model, how, load)
        found.append(_job(model, about["what"].replace(", ", "/"), about, makers, iterations))
    return found


def two_forms(models: Sequence[Model], how: How, iterations: int) -> list[Job]:
    """Forward and train step, compiled and then eager."""
    found: list[Job] = []
    for model in models:
        if how.backend is not None:
            found += model_jobs(model, how, iterations)
        found += model_jobs(model, How(None, {}), iterations, ", eager")
    return found


def decode_jobs(gpt2: Model, how: How, iterations: int) -> list[Job]:
    found: list[Job] = []
    for load in DECODE[gpt2.size]:
        for mode in ("default", "reduce-overhead"):
            about = {"what": f"decode, {mode}", "load": str(load), "steps": load.steps}
            about["tokens"] = load.batch
            makers = partial(decode, gpt2, how, load, mode)
            found.append(_job(gpt2, f"decode/B{load.batch}/{mode}", about, makers, iterations))
    return found


def _job(model: Model, what: str, about: Row, makers: Any, iterations: int) -> Job:
    about = {"name": model.name, "size": model.size, "dtype": "bf16", **about}
    columns = {"files": model.digest(), **about}
    measure = partial(side_by_side, makers, about, model.device, iterations)
    job = f"{model.name}/{model.size}/bf16/{what}"
    return Job(job, columns, partial(cleanly, measure))


def side_by_side(
    makers: Callable[[], dict[str, Make]], about: Row, device: str, iterations: int
) -> list[Row]:
    """A row for each peer. A peer that is wrong or breaks says so; the others go on."""
    made: dict[str, Timed] = {}
    rows: list[Row] = []
    for name, make in makers().items():
        try:
            made[name] = make()
        except Exception as error:
            if name == "emitted":
                raise
            rows.append({"peer": name, "ok": False, "why": reason(error)})
    before = clocks(device)
    taken = in_turns({name: timed.call for name, timed in made.items()}, device, iterations)
    found = {"clocks_before": before, "clocks_after": clocks(device)}
    steps = about.get("steps", 1)
    taken = {name: [ms / steps for ms in times] for name, times in taken.items()}
    peers = [name for name in made if name != "emitted"]
    for name in peers:
        row = compared(taken["emitted"], taken[name]) | found | {"peer": name, "ok": True}
        rows.append(row | _columns(made["emitted"], made[name]) | rates(about, row["ms"]))
    return rows


def _columns(ours: Timed, theirs: Timed) -> Row:
    return {
        "memory_bytes": ours.memory,
        "peer_memory_bytes": theirs.memory,
        "notes": ours.notes,
        "peer_notes": theirs.notes,
    }


def rates(about: Row, ms: float) -> Row:
    """What the emitted code does a second."""
    if "flops" in about:
        return {"tflops": about["flops"] / ms / 1e9}
    return {"tokens_per_s": about["tokens"] / ms * 1e3}
