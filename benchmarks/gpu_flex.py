"""FlexAttention against SDPA with a mask: outputs, gradients, graphs over several lengths; speed.

The truth is the file that the spec gives for a CPU, eager, in fp32, by SDPA's plain kernel, which
gives 0 where a query sees no key. What SDPA's own choice of kernel makes of a mask is told beside.

On a CPU compiled FlexAttention is silently wrong: there it runs eagerly, and rows say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from gpu_cases import load_name
from gpu_compare import (
    DTYPES,
    Answer,
    Standard,
    answer,
    cast,
    differences,
    functional,
    placed,
    standard,
)
from gpu_flex_cases import LENGTHS, SEVERAL, TIMED
from gpu_inputs import Inputs
from gpu_masked import Masked, blind
from gpu_numerics import How, cleanly
from gpu_rows import Job, Row
from gpu_speed import model_jobs
from gpu_weights import rounded
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn.attention import SDPBackend, sdpa_kernel

NOTE = "on a CPU FlexAttention runs eagerly: compiled it is wrong there"
KINDS = ("forward", "train")
GRAPHS = 2  # one for the first length, one for every other


def jobs(models: Sequence[Masked], how: How) -> list[Job]:
    """Every case in both precisions; then the graphs of some."""
    found = [job for model in models for job in model_comparisons(model, how)]
    if how.backend is not None:
        found += [graphs_job(model, how) for model in models if model.name in LENGTHS]
    return found


def speed_jobs(models: Sequence[Masked], how: How, iterations: int) -> list[Job]:
    """Forward and train step, compiled both."""
    suitable = [(model, kernel_how(model, how)) for model in models if model.name in TIMED]
    return [
        replace(job, about=job.about | noted(model))
        for model, how in suitable
        for job in model_jobs(model, how, iterations)
    ]


def on_cpu(model: Masked) -> bool:
    return not model.device.startswith("cuda")


def noted(model: Masked) -> Row:
    """What a row says of how it was run, where that is not as asked."""
    return {"note": NOTE, "backend": "eager"} if on_cpu(model) else {}


def kernel_how(model: Masked, how: How) -> How:
    """How FlexAttention is compiled: on a CPU not at all."""
    return How(None, {}) if on_cpu(model) else how


# ---- numbers


def model_comparisons(model: Masked, how: How) -> list[Job]:
    how = kernel_how(model, how)
    found: list[Job] = []
    for dtype in DTYPES:
        forms = {"flex compiled": how} if how.backend else {"flex eager": how}
        for form, its in (forms | {"sdpa eager": How(None, {})}).items():
            measure = partial(against_sdpa, model, dtype, form, its)
            found.append(_job(model, dtype, form, load_name(model.load), measure))
    return found


def _job(
    model: Masked, dtype: str, form: str, load: str, measure: Callable[[], list[Row]]
) -> Job:  # fmt: skip
    about = {"name": model.name, "size": model.size, "dtype": dtype, "form": form, "load": load}
    about["files"] = model.digest()
    about |= noted(model)
    steps = (model.name, model.size, dtype, form.replace(" ", "/"))
    return Job("/".join(steps), about, partial(cleanly, measure))


def inputs_of(model: Masked) -> Inputs:
    """Inputs whose gradients are compared too."""
    found = model.inputs(model.load)
    if "x" in found:
        found["x"].requires_grad_()
    return found


_STANDARDS: dict[tuple[str, str, str], Standard] = {}


def standard_of(model: Masked, dtype: str) -> Standard:
    """By SDPA's plain kernel. Only the last one is kept."""
    key = (model.name, model.size, dtype)
    if key not in _STANDARDS:
        _STANDARDS.clear()
        with sdpa_kernel(SDPBackend.MATH):
            _STANDARDS[key] = standard(model, inputs_of(model), dtype)
    return _STANDARDS[key]


def against_sdpa(model: Masked, dtype: str, form: str, how: How) -> list[Row]:
    """Outputs and gradients; of `blind` also what must be 0."""
    expected = standard_of(model, dtype)
    kind = model.sdpa if form.startswith("sdpa") else model.emitted
    variant = placed(kind(), rounded(model.weights(), DTYPES[dtype]), dtype)
    inputs = cast(inputs_of(model), dtype)
    found = answer(model, variant, inputs, functional, how.compile(variant.module))
    return expected.verdicts(found) + list(zeros(model, inputs, found))


def zeros(model: Masked, inputs: Inputs, found: Answer) -> Iterator[Row]:
    """A query without a key gives exactly 0; what nobody sees moves nothing."""
    if model.name != "blind":
        return
    unseeing = blind(model, inputs)
    assert unseeing[1].all(), "a whole sample sees nothing"
    assert not unseeing.all(dim=1)[0], "part of another does"
    yield _zero("outputs that see nothing", found.outputs[0][unseeing])
    yield _zero("gradients of what nothing sees", found.gradients["x"][1])


def _zero(what: str, tensor: Tensor) -> Row:
    error = tensor.abs().max().item()
    return {"what": what, "error": error, "bound": 0.0, "ok": error == 0}  # NaN is not


# ---- graphs


def graphs_job(model: Masked, how: How) -> Job:
    lengths = SEVERAL[model.size]
    load = f"B={model.load['B']} T={','.join(map(str, lengths))}"
    return _job(model, "fp32", "lengths", load, partial(graphs, model, how, lengths))


def graphs(model: Masked, how: How, lengths: Sequence[int]) -> list[Row]:
    """How many graphs the first two lengths cost, and how many all; and all of them are right.

    On a CPU the graph is captured and run as it is, without gradients, which fail there.
    """
    if not on_cpu(model):
        return [row for kind in KINDS for row in _graphs(model, how, lengths, kind)]
    rows = _graphs(model, How("aot_eager", {}), lengths, KINDS[0])
    return [row | {"backend": "aot_eager"} for row in rows]


def _graphs(model: Masked, how: How, lengths: Sequence[int], kind: str) -> Iterator[Row]:
    torch.compiler.reset()
    counters.clear()
    objective = functional if kind == "train" else None
    variant = placed(model.emitted(), model.weights(), "fp32")
    run = how.compile(variant.module)
    for number, length in enumerate((*lengths, *lengths), start=1):
        error = _error_at(model, variant, run, length, objective)
        if number <= len(lengths):
            what = f"{kind}, T={length}"
            yield {"what": what, "error": error, "bound": 1e-4, "ok": error <= 1e-4}
        if number in (2, 2 * len(lengths)):
            count = len(lengths) if number > 2 else 2
            yield _counted(f"graphs of {count} lengths, {kind}")


def _counted(what: str) -> Row:
    found = counters["stats"]["unique_graphs"]
    return {"what": what, "predicted": GRAPHS, "found": found, "ok": 0 < found <= GRAPHS}


def _error_at(model: Masked, variant: Any, run: nn.Module, length: int, objective: Any) -> float:
    """The largest relative error of anything, against SDPA eager."""
    inputs = model.inputs(model.load | {"T": length})
    with sdpa_kernel(SDPBackend.MATH):
        truth = answer(model, placed(model.sdpa(), model.weights(), "fp32"), inputs, objective)
    found = answer(model, variant, inputs, objective, run)
    return max(differences(found, truth)[0].values())
