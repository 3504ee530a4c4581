"""Dims set from outside, as by `--set T=1024`: a spec with other sizes, or what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tfspec.diagnostics import Diagnostic, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.declare import DimDecl, check_dim
from tfspec.spec.environment import environment
from tfspec.spec.scalars import resolve
from tfspec.spec.schema import Spec
from tfspec.spec.types import Table
from tfspec.spec.wrong import Wrong, diagnostic

UNKNOWN_DIM = Rule(
    "TS410",
    "an unknown dim to set",
    "A dim that is set from outside is none of the spec's dims.",
    "Only a size that the spec names can be changed.",
    "tfspec shapes gpt2 --set TT=128",
    "Name a dim of the spec; `tfspec show` prints it.",
)
BAD_VALUE = Rule(
    "TS411",
    "a value that a dim cannot have",
    "A dim is set to what is no size.",
    "A dim takes an integer from 1 on, an expression, `batch`, `1..512`, `multiple(32)` or "
    "`multiple(32) <= 448`.",
    "tfspec shapes gpt2 --set T=0",
    "Give a size.",
)
EXPECT_SKIPPED = Rule(
    "TS310",
    "expectations not checked",
    "A dim is set from outside, so the spec's `expect` is not checked.",
    "What a spec expects holds for the sizes that it is written with.",
    "tfspec check gpt2 --set d=64",
    "Nothing: this is a note.",
)


_FORM = "write a whole number from 1 on, or what `dims` takes: `2 * h`, `1..512`, `multiple(32)`"


def set_dims(
    spec: Spec,
    values: Mapping[str, int | str],
    beside: Callable[[str], str | None] = lambda _: None,
) -> tuple[Spec, list[Diagnostic]]:
    """The spec with these dims, and what is wrong with them.

    A value is what `dims` takes. Where a dim changes, `expect` goes, and a note says so. `beside`
    tells of a name that is no dim, but is known elsewhere, which dim to set in its place.
    """
    found: list[Diagnostic] = []
    dims = Table[DimDecl](spec.dims)
    dims.spans = spec.dims.spans
    for name, value in values.items():
        if name in dims:
            dims[name] = _read(name, value, dims, found)
        else:
            found.append(_unknown(name, dims, beside(name)))
    if found or dims == spec.dims:
        return spec, found
    found += environment(dims).found
    if spec.expect is not None:
        message = f"`expect` is not checked, because {_listed(values)} set from outside"
        found.append(replace(diagnostic(EXPECT_SKIPPED, message, None), severity="note"))
    return spec.model_copy(update={"dims": dims, "expect": None}), found


def _read(name: str, value: int | str, dims: Table[DimDecl], found: list[Diagnostic]) -> DimDecl:
    try:
        declared = check_dim(resolve(value) if isinstance(value, str) else value)
    except Wrong as error:
        found += [_bad(name, value, each) for each in error.about(name, None)]
        return dims[name]
    names = declared.size.names if declared.size else frozenset[str]()
    for each in sorted(names - dims.keys()):
        cause = replace(_unknown(each, dims), message=f"there is no dim {quoted(each)}")
        found.append(_bad(name, value, cause))
    return declared


def _bad(name: str, value: object, cause: Diagnostic) -> Diagnostic:
    message = f"{quoted(name)} cannot be {quoted(str(value))}: {cause.message}"
    return diagnostic(BAD_VALUE, message, None, helps=cause.help or (_FORM,))


def _unknown(name: str, dims: Table[DimDecl], known: str | None = None) -> Diagnostic:
    near = nearest(name, dims)
    other = f"did you mean {quoted(near)}?" if near else f"the dims are {', '.join(dims)}"
    helps = (other,) if known is None else (known,)
    return diagnostic(UNKNOWN_DIM, f"there is no dim {quoted(name)} to set", None, helps=helps)


def _listed(values: Mapping[str, int | str]) -> str:
    names = ", ".join(map(quoted, values))
    return f"{names} {'is' if len(values) == 1 else 'are'}"
