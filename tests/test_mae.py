"""examples/mae.yaml: what it has, costs and draws. tests/parity holds it against transformers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import ViTMAEConfig, ViTMAEForPreTraining

import tfspec
from tests.cost.counted import miscounted
from tests.draw.picture import picture, wrong
from tests.memory.live import differences, small_sizes
from tests.memory.measure import STYLES
from tests.memory.measure import wrong as wrongly_saved
from tests.memory.partition import cut_step
from tests.memory.test_mixed import differences as mixed
from tests.parity.mae import EXAMPLE, MAE
from tests.parity.running import run_file
from tests.time import measured
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.program.program import Precision, Style

pytestmark = pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
PARAMS = 111_655_680
TABLES = 197 * (768 + 512)
SMALL = MAE.architecture


def test_it_has_the_parameters_of_the_public_model() -> None:
    found = tfspec.load(str(EXAMPLE)).check()
    assert (found.ok, found.params) == (True, PARAMS)
    with torch.device("meta"):
        model = ViTMAEForPreTraining(ViTMAEConfig())
    parameters = [*model.parameters()]
    assert sum(x.numel() for x in parameters if x.requires_grad) == PARAMS
    assert sum(x.numel() for x in parameters) == PARAMS + TABLES


@pytest.mark.parametrize("style", STYLES)
def test_memory_is_torchs(style: Style) -> None:
    assert wrongly_saved(SMALL, style) == []
    assert differences(SMALL, style, "fp32") == []
    assert mixed(SMALL, style) == []


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("style", STYLES)
def test_a_compiled_step_keeps_what_torchs_does(style: Style, dtype: Precision) -> None:
    sizes = small_sizes(SMALL)
    told = kept_compiled(SMALL.semantics, dtype=dtype, style=style, sizes=sizes)
    assert told.bytes == cut_step(SMALL, sizes, dtype, style).bytes


def test_flops_and_traffic_are_torchs() -> None:
    assert [*miscounted(SMALL, {"B": 1}, {"B": 3})] == []
    measured.assert_traffic(SMALL, "fp32", "mixed")


def test_it_runs_on_its_example_inputs() -> None:
    """Positions are drawn below the number of patches."""
    space = run_file(SMALL.emit())
    keep, restore = (given for given in space.example_inputs() if given.dtype == torch.int64)
    assert keep.shape[1:] == (4,)
    assert restore.shape[1:] == (4, 4)
    assert 0 <= int(restore.min()) <= int(restore.max()) < 16
    told: Tensor = space.build().eval()(*space.example_inputs())
    assert told.shape[1:] == (16, 5 * 5 * 2)


def test_positions_are_no_text() -> None:
    with pytest.raises(tfspec.SpecError, match="mae reads no text, and cannot decode"):
        SMALL.cost("decode")
    assert tfspec.load(str(EXAMPLE)).semantics.texts == []


def test_the_hidden_patches_come_behind_the_kept_ones() -> None:
    figure = tfspec.load(str(EXAMPLE)).draw().svg()
    assert wrong(picture(figure)) == []
    assert "Append hidden" in figure
    assert "Prepend cls" in figure
