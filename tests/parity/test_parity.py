"""The bundled specs, reduced, against the public implementations: outputs, gradients, maps."""

from __future__ import annotations

import pytest
import torch

from tests.parity.compare import OUTPUTS, answer, disagreements, shown, shown_map
from tests.parity.marian import MARIAN, marian_plain_names
from tests.parity.reference import Reference
from tests.parity.references import REFERENCES
from tests.parity.running import learned_of, model_of, place, randomise, relative
from tfspec import api
from tfspec.passes.emit.emit import program_of
from tfspec.runtime.weights import pack
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_equal_to_transformers(reference: Reference, style: str) -> None:
    model = model_of(reference.architecture.emit(style=style))
    assert disagreements(reference, model) == []


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_equal_to_transformers_where_variances_are_near_eps(reference: Reference) -> None:
    model = model_of(reference.architecture.emit())
    assert disagreements(reference, model, quiet=True) == []


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_semantic_names_are_the_graphs(reference: Reference) -> None:
    """The weights that the comparison copies are the graph's parameters, by name and shape."""
    graph = reference.architecture.semantics
    named = graph.scope.concrete(lambda size: graph.facts.value(size) or 0)
    learned = [(name, weight) for name, weight in named if weight.learned]
    shapes = {name: tuple(map(graph.facts.value, weight.shape)) for name, weight in learned}
    weights = answer(reference).weights
    assert shapes == {name: tuple(weight.shape) for name, weight in weights.items()}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_packed_weights_are_the_placed_ones(reference: Reference, style: str) -> None:
    """tfspec's own packing puts every weight where these tests put it."""
    architecture = reference.architecture
    weights = answer(reference).weights
    model = place(model_of(architecture.emit(style=style)), weights)
    placed = model.state_dict()
    fixed = {
        name: 1.0 + torch.arange(len(b)) for name, b in model.named_buffers() if name in placed
    }
    for name, numbers in fixed.items():
        model.get_buffer(name).copy_(numbers)
    packed = pack(program_of(architecture.semantics, style=style), weights | fixed)
    assert placed.keys() == packed.keys()
    for name, tensor in packed.items():
        assert torch.equal(tensor, placed[name]), name


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_styles_agree(reference: Reference) -> None:
    found = answer(reference)
    outputs = []
    for style in STYLES:
        model = place(model_of(reference.architecture.emit(style=style)), found.weights)
        with torch.no_grad():
            outputs.append(shown(reference, found.inputs, model(**found.inputs)))
    for ours, theirs in zip(*outputs, strict=True):
        assert relative(ours, theirs) <= OUTPUTS


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_explicit_style_yields_attention_maps(reference: Reference) -> None:
    found = answer(reference)
    model = model_of(reference.architecture.emit(style="explicit"))
    place(model, found.weights)
    maps: list[torch.Tensor] = []
    with torch.no_grad():
        plain = shown(reference, found.inputs, model(**found.inputs))
        watched = shown(reference, found.inputs, model(**found.inputs, maps=maps))
    assert all(map(torch.equal, plain, watched))
    assert len(maps) == len(found.maps)
    for ours, theirs in zip(maps, found.maps, strict=True):
        pair = (shown_map(reference, found.inputs, each) for each in (ours, theirs))
        assert relative(*pair) <= OUTPUTS


def test_marians_own_layout_needs_no_permutation() -> None:
    """With sines first, as Marian has them, weights are copied as they are."""
    (spec,) = api.load("transformer-base").loaded.sources.values()
    changed = spec.replace("pos: sinusoidal", "pos: {sinusoidal: S, layout: halves}", 1)
    changed = changed.replace("pos: sinusoidal", "pos: {sinusoidal: T, layout: halves}", 1)
    source = api.Architecture(load_text(changed), MARIAN.sets).emit()
    found = answer(MARIAN)
    reference = MARIAN.make().eval()
    learned = learned_of(reference)
    randomise(learned, seed=5)
    model = place(model_of(source), marian_plain_names(learned))
    with torch.no_grad():
        (logits,) = shown(MARIAN, found.inputs, model(**found.inputs))
    assert relative(logits, found.outputs[0]) <= OUTPUTS


def test_without_flags_nothing_is_hidden() -> None:
    found = answer(MARIAN)
    model = place(model_of(api.emit(MARIAN.spec, MARIAN.sets)), found.weights)
    source, target = found.inputs["source"], found.inputs["target"]
    with torch.no_grad():
        left_out = model(source, target)
        given = model(source, target, torch.ones_like(source, dtype=torch.bool))
    assert relative(left_out, given) <= OUTPUTS
    with torch.no_grad():
        assert relative(model(**found.inputs), given) > 1e-3
