"""The JSON Schema of the language, made from the models, so that editors complete and flag."""

from __future__ import annotations

from typing import Any, cast

from pydantic.json_schema import models_json_schema

from tfspec.layers.base import Layer, steps
from tfspec.spec.located import Located
from tfspec.spec.schema import BlockDecl, Spec
from tfspec.spec.types import LINK, NAME

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_NONE: Schema = {"const": "none", "description": "unset"}


def json_schema() -> Schema:
    """The JSON Schema of a spec, draft 2020-12.

    It knows keys, knobs, words and types at every level. Names, sizes and what `extends` brings
    are for `tfspec check`.
    """
    layers = dict(sorted(steps().items()))  # in an order that no import changes
    models: list[type[Located]] = [Spec, BlockDecl, *dict.fromkeys(layers.values())]
    refs, whole = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    definitions = {name: _tidy(each) for name, each in whole["$defs"].items()}
    names = {model: _target(refs[model, "validation"]) for model, _ in refs}
    definitions["Step"] = _step({step: names[layer] for step, layer in layers.items()})
    definitions["Pipeline"] = _pipeline(layers)
    definitions["StreamDecl"] = _relaxed(definitions["StreamDecl"])  # of an extended spec's stream
    definitions["BlockDecl"] = _block(
        definitions, {step: names[each] for step, each in layers.items()}
    )
    root = definitions.pop(names[Spec])
    return {"$schema": DRAFT, "title": "tfspec", **_root(root), "$defs": definitions}


def _target(ref: Any) -> str:
    return str(ref["$ref"]).rpartition("/")[2]


def _root(spec: Schema) -> Schema:
    """A spec that extends another need not have everything itself."""
    required = [key for key in spec["required"] if key != "outputs"]
    extends = [{"required": ["outputs"]}, {"required": ["extends"]}]
    return {**spec, "required": required, "anyOf": extends}


def _step(names: dict[str, str]) -> Schema:
    return {
        "type": "object",
        "description": "a step with its knobs",
        "properties": {step: _ref(name) for step, name in names.items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _pipeline(layers: dict[str, type[Layer]]) -> Schema:
    """A name, a step without knobs, a step with knobs, or a list."""
    bare = [step for step, layer in layers.items() if _may_be_bare(layer)]
    return {
        "description": "a name, a step, or a list of these",
        "anyOf": [
            {"enum": bare},
            {"type": "string", "pattern": f"^{NAME}(\\.{NAME})?$"},
            _ref("Step"),
            {"type": "array", "items": _ref("Pipeline"), "minItems": 1},
        ],
    }


def _may_be_bare(layer: type[Layer]) -> bool:
    return not any(info.is_required() for info in layer.model_fields.values())


def _block(definitions: dict[str, Schema], names: dict[str, str]) -> Schema:
    """A block also has steps as keys: they change the steps of the block that it extends."""
    block = definitions["BlockDecl"]
    own = {key: _or_none(each) for key, each in block["properties"].items()}
    changes: Schema = {}
    for step, name in names.items():
        if step not in own:
            changes[step] = _ref(_change(definitions, name))
    return {
        "type": "object",
        "description": block["description"],
        "properties": {**own, **changes},
        "additionalProperties": False,
    }


def _change(definitions: dict[str, Schema], name: str) -> str:
    """The definition of a change of a step's knobs: none is required, and each may be unset."""
    schema = definitions[name]
    if "properties" not in schema and "anyOf" not in schema:
        return name
    changed = f"{name}Change"
    definitions[changed] = _relaxed(schema)
    return changed


def _relaxed(schema: Schema) -> Schema:
    relaxed = {key: each for key, each in schema.items() if key != "required"}
    if "anyOf" in schema:
        relaxed["anyOf"] = [_relaxed(each) for each in schema["anyOf"]]
    if "properties" in schema:
        relaxed["properties"] = {key: _or_none(each) for key, each in schema["properties"].items()}
    return relaxed


def _or_none(schema: Schema) -> Schema:
    described = {key: schema[key] for key in ("description",) if key in schema}
    return {**described, "anyOf": [schema, _NONE]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _tidy(value: Any) -> Any:
    """Without what an editor would only repeat: titles, defaults of nothing, and null."""
    if isinstance(value, list):
        return [_tidy(each) for each in cast("list[Any]", value) if each != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    given = cast("Schema", value)
    if LINK in given:
        return _ref(given[LINK])
    tidy = {key: _tidy(each) for key, each in given.items() if not _is_noise(key, each)}
    choices = tidy.get("anyOf")
    if choices is not None and len(choices) == 1 and "anyOf" in given:
        del tidy["anyOf"]
        return {**choices[0], **tidy}
    return tidy


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
