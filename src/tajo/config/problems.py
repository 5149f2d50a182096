"""What is wrong with a configuration, in words: one line for each problem, all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tajo.config.source import Path, Source, dotted
from tajo.config.values import REFUSED, Part
from tajo.core.errors import ConfigError

MOST_SHOWN = 50  # ours: a wrong kind of file has thousands of problems, and the first few tell
_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "model_type": "a group of settings",
    "model_attributes_type": "a group of settings",
    "tuple_type": "a list",
}
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a decimal number"),
    (str, "text"),
    (Mapping, "a group of settings"),
    (type(None), "nothing"),
    (list, "a list"),
    (tuple, "a list"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at one key. `line` is given where it is not the line of the key."""

    path: Path
    text: str
    hint: str = ""
    line: int = 0

    def error(self, source: Source) -> ConfigError:
        origin = f"{source.name}:{self.line}" if self.line else source.origin(self.path)
        subject = f"{dotted(self.path)} " if self.path else ""
        return ConfigError(f"{subject}{self.text}", origin=origin, hint=self.hint)


class InvalidConfigError(ConfigError):
    """A configuration that is refused. `problems` is what is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.message, origin=first.origin, hint=first.hint)

    def __str__(self) -> str:
        return self.line()

    def line(self) -> str:
        """All problems, one a line."""
        return "\n".join(problem.line() for problem in self.problems)


def refusal(problems: Iterable[Problem], source: Source) -> InvalidConfigError:
    """The error that reports these problems."""
    ordered = sorted(problems, key=lambda problem: problem.line or source.line(problem.path))
    errors = [problem.error(source) for problem in ordered[:MOST_SHOWN]]
    if rest := len(ordered) - len(errors):
        errors.append(ConfigError(f"has {rest} more problems", origin=source.name))
    return InvalidConfigError(errors)


def kind_of(value: object) -> str:
    """What sort of thing a value is, in words; never the value, which may be a secret in the wrong place."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)


def from_validation(errors: Iterable[ErrorDetails], model: type[BaseModel]) -> list[Problem]:
    """The validation errors of `model` in our words."""
    places = _places(model)
    return [_problem(error, model, places) for error in errors]


def _problem(error: ErrorDetails, model: type[BaseModel], places: Mapping[str, Path]) -> Problem:
    path, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, model, places)
    if kind == "missing":
        return Problem(path, "is missing", f"write {path[-1]} there")
    if kind == REFUSED:
        return Problem(path, error["ctx"]["text"])
    if kind == "literal_error":
        return Problem(path, "must be " + error["ctx"]["expected"].replace("'", ""))
    if kind in {"greater_than_equal", "less_than_equal"}:
        bound = "at least {ge}" if "ge" in error["ctx"] else "at most {le}"
        return Problem(path, "must be " + bound.format(**error["ctx"]))
    expected = _EXPECTED.get(kind)
    if expected is None:
        return Problem(path, f"is refused: {error['msg']}")
    found = kind_of(error["input"])
    quotes = expected == "text" and isinstance(error["input"], (int, float))
    hint = "put it in quotes" if quotes else ""
    return Problem(path, f"must be {expected}" + (f", not {found}" if found != expected else ""), hint)


def _unknown_key(path: Path, model: type[BaseModel], places: Mapping[str, Path]) -> Problem:
    key = str(path[-1])
    near = difflib.get_close_matches(key, _keys(model, path[:-1]), 1)
    if near:
        return Problem(path, f"is no setting, did you mean {near[0]}?", f"write {near[0]}, or remove the line")
    if key in places:
        place = dotted(places[key])
        return Problem(path, f"is no setting here, did you mean {place}?", "indent it under the key it belongs to")
    return Problem(path, "is no setting", "remove the line, or see the reference of settings for what there is")


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that may stand in the group at `path`."""
    part: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int):
            continue  # an entry of a list of groups: the group is known from the list's key
        info = part.model_fields.get(str(step)) if part else None
        part = group(info.annotation) if info else None
    return [info.alias or name for name, info in part.model_fields.items()] if part else []


def _places(model: type[BaseModel], above: Path = ()) -> dict[str, Path]:
    """For each key the place where it belongs, the outermost one if there are several."""
    found: dict[str, Path] = {}
    inner: list[dict[str, Path]] = []
    for name, info in model.model_fields.items():
        found[name] = (*above, name)
        if part := group(info.annotation):
            inner.append(_places(part, (*above, name)))
    for places in inner:
        for name, path in places.items():
            if name not in found or len(path) < len(found[name]):
                found[name] = path
    return found


def group(annotation: Any) -> type[BaseModel] | None:
    """The model of a group of settings, or of the groups in a list; None if the annotation is of a single setting."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    if get_origin(annotation) is tuple:
        return group(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return next((part for part in map(group, get_args(annotation)) if part), None)
    return None
