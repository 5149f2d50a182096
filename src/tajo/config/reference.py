"""The table of all settings, read from the model: for the documentation, and for tests that hold it complete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tajo.config.mapping import DEFAULT_FIELDS
from tajo.config.model import Config
from tajo.config.problems import group
from tajo.config.values import Kind, format_duration


class Row(NamedTuple):
    """One setting. `default` is as one would write it, "" where there is none."""

    key: str
    type: str
    default: str
    meaning: str


def rows() -> list[Row]:
    """Every setting, in the order of the file."""
    return list(_rows(Config, ""))


def _rows(model: type[BaseModel], above: str) -> Iterator[Row]:
    for name, info in model.model_fields.items():
        key = f"{above}{info.alias or name}"
        if get_origin(info.annotation) is tuple and (item := group(info.annotation)):
            yield Row(key, _type(info), "", info.description or "")
            yield from _rows(item, f"{key}[].")
        elif part := group(info.annotation):
            yield from _rows(part, f"{key}.")
        else:
            yield Row(key, _type(info), _default(name, info, above), info.description or "")


def _type(info: FieldInfo) -> str:
    """The field's kind in words: of the marker on its type, or of the type within."""
    own = next((item.words for item in info.metadata if isinstance(item, Kind)), None)
    return own or _words(info.annotation)


def _words(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        return next((item.words for item in extras if isinstance(item, Kind)), None) or _words(inner)
    if get_origin(annotation) in (Union, UnionType):
        return _words(next(arg for arg in get_args(annotation) if arg is not type(None)))
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return f"list of {_words(get_args(annotation)[0])}"
    return {bool: "true or false", int: "whole number", str: "text"}[annotation]


def _default(name: str, info: FieldInfo, above: str) -> str:
    if name == "field_mapping":
        return "" if above else ", ".join(f"{field}: {attribute}" for field, attribute in DEFAULT_FIELDS.items())
    value = info.default
    if value is None or value == () or info.is_required():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value)
