"""The JSON Schema of a spec, for editors. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specs import forms
from specs.keys import Kind, section_of
from specs.watch import FINDINGS, LEVELS

if TYPE_CHECKING:
    from specs.keys import Key

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
TEXT: Schema = {"type": ["string", "number"]}
VALUES: Schema = {"type": "object", "additionalProperties": {"anyOf": [SCALAR, {"type": "object"}]}}
SETTINGS: Schema = {"type": "array", "items": VALUES}
SIZE: Schema = {"type": "string", "pattern": r"^\s*[0-9.]+ ?[KMGTPkmgtp](i?[Bb])?\s*$"}
TIME: Schema = {"type": ["string", "integer"], "pattern": r"^[0-9.:\s\-wdhmsWDHMS]+$"}

KINDS: dict[Kind, Schema] = {
    Kind.TEXT: TEXT,
    Kind.TEXTS: {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.FACTOR: {"type": "string", "pattern": r"^[xX×][0-9.]+$"},
    Kind.FLAG: {"type": "boolean"},
    Kind.SIZE: SIZE,
    Kind.BYTES: {"anyOf": [SIZE, {"type": "integer", "minimum": 0}]},
    Kind.TIME: TIME,
    Kind.VALUES: VALUES,
    Kind.VARIABLES: {"type": "object", "additionalProperties": SCALAR},
    Kind.NUMBERS: {"type": "object", "additionalProperties": {"type": "number"}},
    Kind.SETTINGS: SETTINGS,
    Kind.GROUPS: {"type": "array", "items": {"type": "array", "items": TEXT}},
    Kind.SEEDS: {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer"}}]},
}
"""What a value of each kind is; words, sections and variants are made from the tables."""

_NUMBER: Schema = {"type": "number"}
_POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
_LIST: Schema = {"type": "array", "items": SCALAR, "minItems": 1}
PARTS: dict[str, Schema] = {
    "list": _LIST,
    "number": _NUMBER,
    "positive": _POSITIVE,
    "weights": {"type": "array", "items": {"type": "number", "minimum": 0}},
    "span": {
        "type": "array",
        "prefixItems": [_NUMBER, _NUMBER, {"type": "integer", "minimum": 1}],
        "minItems": 3,
        "maxItems": 3,
    },
    "steps": {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3},
    "shape": {"enum": [str(shape) for shape in forms.DISTRIBUTIONS[:-1]]},
    "normal": {"const": "normal"},
    "setting": VALUES,
}
"""What the keys of an axis take, by the names in the table of forms."""


def schema() -> Schema:
    """The schema of a whole spec file. What a spec extends may have what is needed, so nothing is demanded here."""
    properties = {key.name: _of(key) for key in section_of("")}
    variant = {name: each for name, each in properties.items() if name not in ("name", "variants")}
    variant["extends"] = {"description": "Other variants of this file.", **KINDS[Kind.TEXTS]}
    properties["variants"]["additionalProperties"] = {
        "type": ["object", "null"],
        "properties": variant,
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "trainboard spec",
        "description": "One experiment: what to run, with which parameters, where.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _of(key: Key) -> Schema:
    """One key; null stands for one that is not there."""
    about: Schema = {"description": key.meaning}
    if key.default:
        about["default"] = _typed(key.default)
    return about | _nullable(_value(key))


def _value(key: Key) -> Schema:
    match key.kind:
        case Kind.WORD:
            return {"enum": list(key.words)}
        case Kind.WORDS:
            word = {"enum": list(dict.fromkeys([*key.words, *(word.lower() for word in key.words)]))}
            return {"anyOf": [word, {"type": "array", "items": word}]}
        case Kind.LEVELS:
            level = {"enum": [*LEVELS, False, None]}
            return {
                "type": "object",
                "properties": dict.fromkeys(FINDINGS, level),
                "additionalProperties": False,
            }
        case Kind.VARIANTS:
            return {"type": "object"}
        case Kind.SECTION:
            return _section(key.path)
        case Kind.FILE:
            return {"anyOf": [TEXT, _section(key.path)]}
        case Kind.SECTIONS:
            item = {"anyOf": [TEXT, _section(key.path)]}
            return {"anyOf": [TEXT, {"type": "array", "items": item}]}
        case kind:
            return KINDS[kind]


def _section(path: str) -> Schema:
    keys = section_of(path)
    found: Schema = {
        "type": "object",
        "properties": {key.name: _of(key) for key in keys},
        "additionalProperties": axis() if path == "sweep" else False,
    }
    needed = [key.name for key in keys if key.needed]
    return found | ({"required": needed} if needed else {})


def axis() -> Schema:
    """Any form of an axis."""
    return {"description": "An axis: the values of a parameter.", "anyOf": [_form(form) for form in forms.FORMS]}


def _form(form: forms.Form) -> Schema:
    if not form.words:
        return _LIST | {"description": form.meaning}
    words = {**form.words, **form.also}
    return {
        "description": form.meaning,
        "type": "object",
        "properties": {word: {"description": forms.KEYS[word], **PARTS[kind]} for word, kind in words.items()},
        "required": list(form.words),
        "additionalProperties": False,
    }


def _nullable(value: Schema) -> Schema:
    if "enum" in value:
        return value | {"enum": [*value["enum"], None]}
    if "anyOf" in value:
        return value | {"anyOf": [*value["anyOf"], {"type": "null"}]}
    types = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return value | {"type": [*types, "null"]}


def _typed(default: str) -> bool | int | str:
    if default in ("true", "false"):
        return default == "true"
    return int(default) if default.lstrip("-").isdigit() else default
