"""The base of everything in a spec: a frozen model that knows the places of its fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema

from tfspec.diagnostics import Diagnostic, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.located_values import LocatedDict, span_of
from tfspec.spec.mistakes import (
    MISSING_KEY,
    UNKNOWN_KEY,
    WRONG_TYPE,
    cut_by_comma,
    known_elsewhere,
    mismatch,
    mistyped,
    no_mapping,
    unknown_choice,
)
from tfspec.spec.words import choices, is_short
from tfspec.spec.wrong import NOWHERE, Wrong, diagnostic, either, recovering

_SOURCE = "_source"  # in __dict__, where pydantic keeps fields, and ignores what is none
_NAME_SPAN = "_name_span"


class Located(BaseModel):
    """A mapping of a spec, validated. Equal knobs are equal, wherever they are written.

    A value that is no mapping sets the field `shorthand`; where `whole` is true, so does a
    mapping. `none` unsets a field, except those in `keeps_none`, for which it is a value.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, validate_by_name=True, validate_by_alias=True
    )

    shorthand: ClassVar[str | None] = None
    whole: ClassVar[bool] = False
    keeps_none: ClassVar[frozenset[str]] = frozenset(("norm", "residual"))
    called: ClassVar[str] = ""
    """What messages call it: `attend`, a block."""

    @property
    def span(self) -> Span:
        """The place of the mapping, or of the value that stands for it."""
        return span_of(self._written) or NOWHERE

    @property
    def name_span(self) -> Span:
        """The place of the key under which it stands, where that is known; else its own."""
        return vars(self).get(_NAME_SPAN, self.span)

    def span_of(self, name: str) -> Span:
        """The place of a field's value; that of the whole, where the field is not written."""
        return self._spans("value_spans").get(self._key(name), self.span)

    def key_span(self, name: str) -> Span:
        """The place of a field's key; that of the whole, where the field is not written."""
        return self._spans("key_spans").get(self._key(name), self.span)

    def effective(self, bias: bool) -> Mapping[str, object]:
        """Knobs that come to more than what is written: defaults, and other words for the same.

        A text is an expression over the mapping's own knobs and `width`, or a word. `bias` is the
        block's default. What two specs mean can be compared, however they are written.
        """
        del bias
        return {}

    def settled(self) -> Collection[str]:
        """Knobs that another knob leaves no choice: with that, their difference has been told."""
        return ()

    def unwritten(self, **defaults: object) -> dict[str, object]:
        """Of these defaults those whose knobs have no value."""
        return {name: value for name, value in defaults.items() if getattr(self, name) is None}

    @property
    def _written(self) -> LocatedDict | None:
        return vars(self).get(_SOURCE)

    def _spans(self, kind: str) -> Mapping[str, Span]:
        return cast("Mapping[str, Span]", getattr(self._written, kind, {}))

    def _key(self, name: str) -> str:
        return type(self).model_fields[name].alias or name

    @classmethod
    def known_keys(cls) -> list[str]:
        """The keys that a mapping of this kind may have."""
        return [info.alias or name for name, info in cls.model_fields.items()]

    @classmethod
    def suggestions(cls) -> list[str]:
        """The keys that a message may suggest for an unknown one."""
        return cls.known_keys()

    @classmethod
    def spread(cls, value: Any) -> Any:
        """The value as a mapping of fields. A layer with other short forms extends this."""
        if cls.shorthand is None or (isinstance(value, dict) and not cls.whole):
            return cast("Any", value)
        return only(cls.shorthand, value)

    @model_validator(mode="wrap")
    @classmethod
    def _locate(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, cls):
            return value
        spread = cls.spread(value)
        if not isinstance(spread, dict):
            raise cls.mistyped(value)
        written = cast("dict[str, Any]", spread)
        given, empty = cls._given(written)
        try:
            model = handler(given)
        except ValidationError as error:
            if recovering.get():
                return cls._salvaged(given, error, written)
            empty += cls._explain(error, written, shortened=spread is not value)
            raise Wrong(dict.fromkeys(empty)) from None
        if empty and not recovering.get():
            raise Wrong(empty)
        if isinstance(written, LocatedDict):
            vars(model)[_SOURCE] = written
        return model

    @classmethod
    def mistyped(cls, value: Any) -> Wrong:
        """What to say of a value that is no mapping."""
        known = cls.known_keys()
        if not known:
            return mistyped(value, "takes no knobs")
        needed = [quoted(cls._alias(name)) for name in cls.model_fields if cls._needs(name)]
        helps = cls._as_mapping(value, needed)
        listed = " and ".join(needed) or (either(known) if len(known) < 8 and not helps else "")
        wanted = f"takes a mapping with {listed}" if listed else "takes a mapping"
        return no_mapping(value, wanted, helps)

    @classmethod
    def _as_mapping(cls, value: Any, needed: list[str]) -> tuple[str, ...]:
        """What helps where a value stands for the mapping that would hold it."""
        if isinstance(value, bool):
            return () if value else ("write `none`",)
        if isinstance(value, list):
            return cls._as_list(cast("list[Any]", value))
        if not isinstance(value, str | int | float):
            return ()
        if nearest(str(value), ("none",)):
            return ("did you mean `none`?",)
        meant = [name for name in cls.model_fields if value in choices(cls.model_fields[name])]
        keys = [cls._alias(name) for name in meant] or [name.strip("`") for name in needed]
        return (f"write `{{{keys[0]}: {value}}}`",) if len(keys) == 1 and is_short(value) else ()

    @classmethod
    def _as_list(cls, value: list[Any]) -> tuple[str, ...]:
        """What helps where words stand for the mapping that would hold their list."""
        for name, field in cls.model_fields.items():
            if value and all(isinstance(each, str) and each in choices(field) for each in value):
                return (f"write `{{{cls._alias(name)}: [{', '.join(value)}]}}`",)
        return ()

    @classmethod
    def _needs(cls, name: str) -> bool:
        return cls.model_fields[name].is_required()

    @classmethod
    def _given(cls, written: dict[str, Any]) -> tuple[dict[str, Any], list[Diagnostic]]:
        """What is left to validate, without what `none` unsets, and what is written as nothing."""
        empty = {key for key, value in written.items() if value is None}
        empty = empty.intersection(cls.known_keys()) if empty else empty
        given = {
            key: value
            for key, value in written.items()
            if key not in empty and (value != "none" or key in cls.keeps_none)
        }
        return given, [
            diagnostic(
                WRONG_TYPE,
                f"{quoted(key)} has no value",
                getattr(written, "key_spans", {}).get(key),
                helps=("`none` unsets a knob",),
            )
            for key in written
            if key in empty
        ]

    @classmethod
    def _explain(
        cls, error: ValidationError, written: dict[str, Any], *, shortened: bool
    ) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        missing: dict[str, list[Diagnostic]] = {}
        for each in error.errors(include_url=False):
            key = str(each["loc"][0]) if each["loc"] else ""
            cause = each.get("ctx", {}).get("error")
            span = getattr(written, "value_spans", {}).get(key)
            if isinstance(cause, Wrong):
                found += cause.about(cls._said(key, shortened), span)
            elif each["type"] == "missing":
                missing[key] = cls._missing(key, written)
            elif each["type"] == "extra_forbidden":
                missing.pop(nearest(key, missing) or "", None)  # a typo: one mistake, one message
                span = getattr(written, "key_spans", {}).get(key)
                found.append(cls.unknown(key, span, cut_by_comma(written, key)))
            elif cause is not None:
                raise RuntimeError("a check failed in another way than it may") from cause
            else:
                told = mismatch(each["type"], each.get("ctx", {}), each["input"])
                found += told.about(cls._said(key, shortened), span)
        return [*found, *(each for group in missing.values() for each in group)]

    @classmethod
    def _said(cls, key: str, shortened: bool) -> str:
        """What a message calls a field: its key, or its step where no key is written."""
        return cls.called.strip("`") if shortened and cls.called.startswith("`") else key

    @classmethod
    def _salvaged(
        cls, given: dict[str, Any], error: ValidationError, written: dict[str, Any]
    ) -> Self:
        """What can be had in spite of errors; a field that is wrong or missing is None."""
        bad = {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}
        values: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            key = info.alias or name
            if key in given and key not in bad:
                # a type made while running, which a type checker cannot read
                made: Any = Annotated[info.annotation, name, *info.metadata]  # pyright: ignore
                field = TypeAdapter[Any](made)
                values[name] = field.validate_python(given[key])
        required = {name: None for name, info in cls.model_fields.items() if info.is_required()}
        model = cls.model_construct(set(values), **{**required, **values})
        if isinstance(written, LocatedDict):
            vars(model)[_SOURCE] = written
        return model

    @classmethod
    def _missing(cls, key: str, written: dict[str, Any]) -> list[Diagnostic]:
        if key in written and written[key] is None:
            return []  # said already
        name = f"{cls.called} needs" if cls.called else "missing:"
        place, unset, help = span_of(written), "", cls._to_add(key)
        if written.get(key) == "none":
            place, unset = (
                getattr(written, "value_spans", {}).get(key, place),
                ", and is given none",
            )
            help = f"give {quoted(key)} a value: it cannot be unset"
        return [diagnostic(MISSING_KEY, f"{name} {quoted(key)}{unset}", place, helps=(help,))]

    @classmethod
    def _to_add(cls, key: str) -> str:
        """The way out where a key is missing."""
        return f"add {quoted(f'{key}: ...')}"

    @classmethod
    def unknown(cls, key: str, span: Span | None, hint: tuple[str, ...] = ()) -> Diagnostic:
        """What to say of a key that no field has; the hint stands in for a list of all keys."""
        known = cls.known_keys()
        near = nearest(key, cls.suggestions())
        listed = f"known: {', '.join(known)}" if known else f"{cls.called} takes no knobs"
        helps = (f"did you mean {quoted(near)}?",) if near else known_elsewhere(key, cls.called)
        helps = (*helps, *hint) or (listed,)
        return diagnostic(UNKNOWN_KEY, f"{cls.called} has no {quoted(key)}", span, helps=helps)

    @classmethod
    def read(cls, value: Any) -> Self:
        """The value validated by its own model. Raises Wrong, with all that is wrong in it."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise Wrong(each for cause in causes(error) for each in cause.diagnostics) from None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        body = handler.resolve_ref_schema(schema)
        forms = cls.short_forms(body.get("properties", {}))
        if forms and cls.whole:
            short = forms[0] if len(forms) == 1 else {"anyOf": forms}
            body.clear()
            body.update(short, description=cls.summary())
        elif forms:
            long = dict(body)
            body.clear()
            body.update({"anyOf": [*forms, long], "description": cls.summary()})
        else:
            body["description"] = cls.summary()
        return schema

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        """The JSON Schemas of what may be written instead of the mapping of fields."""
        return [properties[cls._alias(cls.shorthand)]] if cls.shorthand else []

    @classmethod
    def _alias(cls, name: str) -> str:
        return cls.model_fields[name].alias or name

    @classmethod
    def summary(cls) -> str:
        """The first line of its documentation."""
        return (cls.__doc__ or "").strip().partition("\n")[0]


def stands_under(model: Located, name: Span) -> None:
    """Remembers the place of the key under which a model stands."""
    vars(model)[_NAME_SPAN] = name


def causes(error: ValidationError) -> Iterator[Wrong]:
    """What our own checks raised; pydantic has made it its own error."""
    for each in error.errors(include_url=False):
        cause = each.get("ctx", {}).get("error")
        if not isinstance(cause, Wrong):
            raise RuntimeError(f"an error that no check of ours made: {each}") from cause
        yield cause


def only(key: str, value: Any, written: Any = None) -> LocatedDict:
    """A mapping with one key, which is nowhere written, and its value, which is, or stands for what
    is `written`."""
    mapping = LocatedDict({key: value})
    span = span_of(value if written is None else written)
    mapping.span = span or NOWHERE
    mapping.key_spans = {key: span} if span else {}
    mapping.value_spans = {key: span} if span else {}
    return mapping


__all__ = [
    "MISSING_KEY",
    "UNKNOWN_KEY",
    "WRONG_TYPE",
    "Located",
    "causes",
    "mistyped",
    "only",
    "stands_under",
    "unknown_choice",
]
