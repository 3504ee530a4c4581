"""swin-t as a whole: its counts, images of several sizes from one file, and sizes that do not fit."""

from __future__ import annotations

import torch

from tests.parity.compare import OUTPUTS
from tests.parity.running import model_of, place, randomise, relative
from tfspec import api

SMALL = {"d": 4, "head_dim": 2, "r": 2, "C": 1, "classes": 3}


def test_operations_are_those_of_the_public_model() -> None:
    """As torch counts the attention of transformers' SwinForImageClassification: models.json."""
    cost = api.load("swin-t", {"B": 1}).cost()
    assert cost.number(cost.flops) == 8_981_133_312


def test_one_file_for_several_sizes() -> None:
    """Where one window covers the last stage the shift is ignored, which the run tells."""
    ranged = api.load("swin-t", {**SMALL, "H": "multiple(224)", "W": "multiple(224)"})
    model = model_of(ranged.emit())
    randomise(dict(model.named_parameters()), seed=3)
    weights = {name: tensor.detach() for name, tensor in model.named_parameters()}
    for height, width in ((224, 224), (448, 224), (448, 448)):
        fixed = api.load("swin-t", {**SMALL, "H": height, "W": width})
        pixels = torch.randn(1, 1, height, width)
        expected = place(model_of(fixed.emit()), weights)(pixels)
        assert relative(model(pixels), expected) < OUTPUTS


def test_one_class_for_all_stages() -> None:
    """Stages differ in their width alone; layers of all stages share two classes of blocks."""
    for sizes in ({}, {"H": "multiple(224)", "W": "multiple(224)"}):
        source = api.load("swin-t", sizes).emit()
        names = [line.split("(")[0][6:] for line in source.splitlines() if line[:6] == "class "]
        assert len(names) == 6, names


def test_images_that_windows_do_not_tile_are_refused() -> None:
    checked = api.load("swin-t", {"H": "multiple(8)"}).check()
    assert not checked.ok
    first = next(each for each in checked.diagnostics if each.severity == "error")
    assert first.code == "TS202"
    assert first.notes == ("H = 8 / 4 = 2",)
    assert first.help == ("declare `H: multiple(56)`",)
