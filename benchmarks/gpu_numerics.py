"""Is the emitted code right on this device: against transformers, and against its own other forms.

Everything runs on copied random weights, in fp32 without TF32 and in bf16, eager and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from gpu_cases import DECODE, load_name
from gpu_compare import DTYPES, Answer, Standard, answer, cast, free, functional, placed, standard
from gpu_decode import Emitted, decode_standard, stepped, text, worst_position
from gpu_inputs import Inputs
from gpu_models import Model
from gpu_rows import Job, Row
from gpu_weights import rounded
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class How:
    """Compilation: the backend, or None for none, and what the target says to torch.compile."""

    backend: str | None
    options: dict[str, Any]

    def compile(self, call: Any, *, fullgraph: bool = True, mode: str | None = None) -> Any:
        """`mode` goes before the target's own; only inductor knows any of them."""
        if self.backend is None:
            return call
        options = dict(self.options) if self.backend == "inductor" else {}
        if mode is not None and self.backend == "inductor":
            options["mode"] = mode
        return torch.compile(call, backend=self.backend, fullgraph=fullgraph, **options)


def jobs(models: Sequence[Model], how: How) -> list[Job]:
    """Every comparison; the truths of one model are shared by its jobs that follow each other."""
    return [job for model in models for job in model_jobs(model, how)]


def model_jobs(model: Model, how: How) -> list[Job]:
    forms = ("eager",) if how.backend is None else ("eager", "compiled")
    found, load = [_job(model, "counts", "", "", partial(counts, model))], load_name(model.load)
    for dtype in DTYPES:
        for form in forms:
            measure = partial(against_transformers, model, dtype, form, how)
            found.append(_job(model, dtype, form, load, measure))
        if dtype == "fp32":
            found.append(_job(model, dtype, "styles", load, partial(styles, model)))
    if model.name == "gpt2":
        decoding = DECODE[model.size][0]
        for dtype, form in [(dtype, form) for dtype in DTYPES for form in forms]:
            measure = partial(decode, model, dtype, form, how)
            found.append(_job(model, dtype, f"decode {form}", str(decoding), measure))
    return found


def _job(model: Model, dtype: str, form: str, load: str, measure: Callable[[], list[Row]]) -> Job:
    about = {"name": model.name, "size": model.size, "load": load, "files": model.digest()}
    about |= {"dtype": dtype, "form": form} if form else {"dtype": "", "form": dtype}
    steps = filter(None, (model.name, model.size, dtype, form.replace(" ", "/")))
    return Job("/".join(steps), about, partial(cleanly, measure))


def cleanly(measure: Callable[[], list[Row]]) -> list[Row]:
    """Nothing of one job is left for the next, and fp32 means fp32."""
    exact()
    torch.manual_seed(0)
    try:
        return measure()
    finally:
        torch.compiler.reset()
        free()


def exact() -> None:
    """No TF32."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_STANDARDS: dict[tuple[str, str, str], Standard] = {}


def standard_of(model: Model, dtype: str) -> Standard:
    """The truth for a model's inputs. Only the last one is kept: it is large."""
    key = (model.name, model.size, dtype)
    if key not in _STANDARDS:
        _STANDARDS.clear()
        _STANDARDS[key] = standard(model, inputs_of(model), dtype)
    return _STANDARDS[key]


def inputs_of(model: Model) -> Inputs:
    return model.inputs(model.load, padded=True)


# ---- what is compared


def counts(model: Model) -> list[Row]:
    """Parameters and FLOPs of the emitted code against the manifest's: equal, or wrong."""
    flops = model.flops(model.load)
    rows = [_equal("parameters", model.entry["params"], parameters(model))]
    # FlexAttention does not run on the meta device
    parts = [part for part in ("fast", "explicit") if part not in model.entry["flex"]]
    return rows + [_equal(f"FLOPs, {part}", flops, counted(model, part)) for part in parts]


def _equal(what: str, predicted: int, found: int) -> Row:
    return {"what": what, "predicted": predicted, "found": found, "ok": predicted == found}


def parameters(model: Model) -> int:
    return sum(p.numel() for p in on_meta(model).emitted().module.parameters())


def counted(model: Model, part: str) -> int:
    """torch's own count of a forward pass, on the meta device: nothing is computed."""
    meta = on_meta(model)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        meta.emitted(part).module(**inputs_of(meta))
    return counter.get_total_flops()


def on_meta(model: Model) -> Model:
    return replace(model, device="meta")


def against_transformers(model: Model, dtype: str, form: str, how: How) -> list[Row]:
    """Outputs and gradients."""
    expected = standard_of(model, dtype)
    variant = placed(model.emitted(), rounded(model.weights(), DTYPES[dtype]), dtype)
    run = how.compile(variant.module) if form == "compiled" else None
    inputs = cast(inputs_of(model), dtype)
    return expected.verdicts(answer(model, variant, inputs, functional, run))


def styles(model: Model) -> list[Row]:
    """The explicit style against the fast one, within what transformers allows."""
    peer = standard_of(model, "fp32").peer
    inputs, weights = inputs_of(model), model.weights()
    fast, explicit = (
        answer(model, placed(model.emitted(part), weights, "fp32"), inputs)
        for part in ("fast", "explicit")
    )
    return Standard(fast, "fp32", peer).verdicts(explicit)


def decode(model: Model, dtype: str, form: str, how: How) -> list[Row]:
    """A prompt and then a token a step, against the full forward of transformers."""
    load = DECODE[model.size][0]
    expected = decode_standard(model, load, dtype)
    weights = rounded(model.weights(), DTYPES[dtype])
    step = how if form == "compiled" else How(None, {})
    decoder = Emitted(model, weights, dtype, load, step.compile)
    logits = stepped(decoder, text(model, load), load.prompt)
    rows = expected.verdicts(Answer((logits,), {}))
    if dtype == "fp32":
        error = worst_position(logits, expected.truth.outputs[0])
        rows.append({**expected.verdict("outputs", error), "what": "worst position"})
    return rows
