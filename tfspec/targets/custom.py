"""A target of the user's own: a YAML file with the rates of one machine."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from tfspec.diagnostics import Diagnostic
from tfspec.diagnostics.escape import quoted
from tfspec.spec.located import mistyped, unknown_choice
from tfspec.spec.located_values import span_of
from tfspec.spec.mistakes import UNKNOWN_KEY, WRONG_TYPE
from tfspec.spec.sheets import Sheet, at_most, read_sheet
from tfspec.spec.types import Parsed, check_text, each_of
from tfspec.spec.wrong import Wrong, wrong
from tfspec.targets.target import Kernel, Target

FORM = """\
name: mi300x
about: an AMD MI300X                  # ends "compiled as a whole for ..."
kind: cuda                            # torch's name of the device: cuda or cpu
tflops: {fp32: 163.4, bf16: 1307}     # peaks without sparsity; of fp32, tf32, bf16, fp16, fp8
bandwidth_gb_per_s: 5300
memory_gb: 192
power_watts: 750                      # may be left out
kernels: [sdpa]                       # sdpa, flex: what the emitted file may call there
"""
DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,59}")
_TFLOPS = at_most(1e5, "TFLOP/s")


def _words(value: Any) -> str:
    """A text that can stand in an emitted file. Raises Wrong."""
    text = check_text(value)
    if not _PLAIN.fullmatch(text):
        message = f"{quoted(text)} is not 1 to 60 letters, digits, spaces and . _ + - ( )"
        raise wrong(WRONG_TYPE, message, span_of(value))
    return str(text)


def _tflops(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not value:
        raise mistyped(value, "takes a mapping of dtypes to rates: `{fp32: 60, bf16: 400}`")
    written = cast("dict[str, Any]", value)
    found: list[Diagnostic] = []
    rates: dict[str, float] = {}
    for dtype, rate in written.items():
        spans = getattr(written, "value_spans", {})
        try:
            if dtype not in DTYPES:
                raise _no_dtype(dtype, getattr(written, "key_spans", {}).get(dtype))
            rates[str(dtype)] = cast("float", _TFLOPS.parse(rate))
        except Wrong as error:
            found += error.about(dtype, spans.get(dtype))
    if found:
        raise Wrong(found)
    return rates


def _no_dtype(dtype: str, span: Any) -> Wrong:
    return wrong(
        UNKNOWN_KEY, f"there is no dtype {quoted(dtype)}", span, helps=(f"one of: {_LISTED}",)
    )


_LISTED = ", ".join(DTYPES)


def _kernels(value: Any) -> tuple[Kernel, ...]:
    if not isinstance(value, list):
        raise mistyped(value, "takes a list: `[sdpa]` or `[sdpa, flex]`")
    return each_of(cast("list[Any]", value), _kernel)


def _kernel(value: Any) -> Kernel:
    if value == "sdpa" or value == "flex":
        return value
    raise unknown_choice(str(value), ["sdpa", "flex"])


Words = Annotated[str, Parsed(_words, {"type": "string", "pattern": f"^{_PLAIN.pattern}$"})]


class OwnTarget(Sheet):
    """What a machine can do."""

    called = "a target"
    made = "`tfspec list --targets` shows the form"

    name: Words
    about: Words | None = None
    kind: Literal["cuda", "cpu"]
    tflops: Annotated[dict[str, float], Parsed(_tflops, {"type": "object"})]
    bandwidth_gb_per_s: Annotated[float, at_most(1e6, "GB/s")]
    memory_gb: Annotated[float, at_most(1e6, "GB")]
    power_watts: Annotated[float, at_most(1e5, "W")] | None = None
    kernels: Annotated[tuple[Kernel, ...], Parsed(_kernels, {"type": "array"})] = ("sdpa",)


def read(path: str) -> Target:
    """The target of a file. Raises SheetError with all that is wrong with it."""
    own, _ = read_sheet(path, OwnTarget, "a target")
    return Target(
        own.name, own.about or own.name, own.kind, own.kernels, own.tflops,
        own.bandwidth_gb_per_s, own.memory_gb, own.power_watts,
    )  # fmt: skip
