"""Every bundled spec compiles whole, and again only for what changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.bundled import BY_STRUCTURE, NAMES, batches, small
from tests.parity.running import run_file

pytestmark = pytest.mark.filterwarnings("default")
BY_INDUCTOR = ("gpt2",)  # the others in `make slow`
WHOLE_AT_ONCE = ("gpt2", "vit-b16", "llama-3-8b", "transformer-base", "swin-t")
"""Text, images, groups of heads, two columns, windows; the others, some ten seconds each, in
`make slow`."""


def graphs_after(name: str, backend: str, style: str = "fast") -> list[int]:
    """How many graphs had been compiled after each of several sizes.

    In float64, as the fuzzer's models are: a norm over a few numbers that nearly agree magnifies
    rounding without bound, and with it the harmless difference of compiled and eager sums.
    """
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    architecture = small(name)
    file = run_file(architecture.emit(style=style).replace(".float()", ".double()"))
    model = file.build(dtype=torch.float64).eval()
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    found: list[int] = []
    for given in batches(architecture, 6):
        given = {role: doubled(value) for role, value in given.items()}
        with torch.no_grad():
            ours, theirs = compiled(**given), model(**given)
        for a, b in zip(tuples(ours), tuples(theirs), strict=True):
            assert a.dtype == torch.float64
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
        found.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    return found


def doubled(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


def tuples(found: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


WHOLE = [
    pytest.param(each, marks=pytest.mark.slow)
    if isinstance(each, str) and each not in WHOLE_AT_ONCE
    else each
    for each in BY_STRUCTURE
]


@pytest.mark.parametrize("name", WHOLE)
def test_one_graph_and_one_for_every_other_size(name: str) -> None:
    seen = graphs_after(name, "aot_eager")
    assert seen[0] == 1
    assert seen[1] <= 2
    assert seen[2:] == [seen[1]] * len(seen[2:])


SLOW = [pytest.param(each, marks=pytest.mark.slow) for each in NAMES if each not in BY_INDUCTOR]


@pytest.mark.parametrize("name", [*BY_INDUCTOR, *SLOW])
def test_by_inductor(name: str) -> None:
    assert graphs_after(name, "inductor")[-1] <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_textbook_form_compiles(name: str) -> None:
    assert graphs_after(name, "aot_eager", "explicit")[0] == 1
