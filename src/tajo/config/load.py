"""From a file, or a program's mapping, to a checked Config; every way in which that fails is a ConfigError."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path as FilePath
from typing import Any

from dotenv.parser import parse_stream
from pydantic import ValidationError

from tajo.config.document import LARGEST, Document, decode, parse
from tajo.config.expansion import Expansion
from tajo.config.model import Config
from tajo.config.problems import InvalidConfigError, Problem, from_validation, refusal
from tajo.config.source import Missing, Path, Source, dotted, printable
from tajo.core.errors import ConfigError

__all__ = ["Config", "InvalidConfigError", "from_mapping", "load"]

DEFAULT_FILE = "tajo.yml"
_API_KEYS: Mapping[Path, str] = {("brevo", "api_key"): "BREVO_API_KEY", ("server", "api_key"): "TAJO_API_KEY"}
_NEEDED: Collection[Path] = {("brevo", "api_key")}  # no command goes without
_LEGACY: Path = ("connectors", "zoom", "webhook", "verification_token")


def load(
    path: FilePath | None = None,
    *,
    env: Mapping[str, str] | None = None,
    optional: bool = False,
    overrides: Mapping[str, object] | None = None,
    known_fields: Collection[str] | None = None,
) -> Config:
    """The configuration in a file: `path`, else TAJO_CONFIG, else tajo.yml in the current directory.

    A `.env` beside the file fills in what `env` (by default the process's environment) does not have. With `optional`
    a missing tajo.yml means the defaults; a file that was named must be there. `overrides` are values by key
    ("connectors.zoom.account_id") that win over the file; None among them means "not given". `known_fields` are the
    names that field_mapping may use, by default the catalogue's.
    """
    env = os.environ if env is None else env
    named = str(path) if path is not None else env.get("TAJO_CONFIG", "")
    file = FilePath(named or DEFAULT_FILE)
    content = _read(file)
    if content is None and (named or not optional):
        hint = "check the path" if named else "run tajo init to make one, or name one with --config"
        raise ConfigError("there is no such file", origin=printable(str(file), 200), hint=hint)
    name = printable(str(file), 200)
    document = Document() if content is None else parse(decode(content, name), name)
    variables = {**_read_dotenv(file.with_name(".env")), **{key: value for key, value in env.items() if value}}
    return _build(document, name, variables, overrides or {}, known_fields)


def from_mapping(
    mapping: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    known_fields: Collection[str] | None = None,
) -> Config:
    """The configuration in a mapping of the same shape as the file; errors have the origin "config".

    Durations may be timedeltas and secrets SecretStr; no `.env` is read.
    """
    variables = os.environ if env is None else env
    return _build(Document(data=dict(mapping)), "config", variables, overrides or {}, known_fields)


def _read(file: FilePath) -> bytes | None:
    """The file's bytes, None if there is no such file. Bounded: a path may lead to a device that never ends."""
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        problem = "is a directory"
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise ConfigError(problem, origin=printable(str(file), 200), hint="name a readable file")


def _read_dotenv(file: FilePath) -> dict[str, str]:
    """The variables in a `.env`, those without a value left out; none if there is no such file.

    Values are taken as they stand: no references in references.
    """
    if not os.path.isfile(file):  # not Path.is_file, which raises where the folder may not be searched
        return {}
    name = printable(str(file), 200)
    text = decode(_read(file) or b"", name)
    variables: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            problem = Problem((), "is no NAME=value", "put values with quotes or line breaks in quotes")
            line = binding.original.line
            raise refusal([replace(problem, line=line)], Source(name))
        if binding.key and binding.value:
            variables[binding.key] = binding.value
    return variables


def _build(
    document: Document,
    name: str,
    env: Mapping[str, str],
    overrides: Mapping[str, object],
    known_fields: Collection[str] | None,
) -> Config:
    """The checked configuration, or one error with everything that is wrong with it."""
    expansion = Expansion(env)
    settings = expansion.expand(document.data)
    lines = document.lines or dict.fromkeys(expansion.keys, 0)
    for path, variable in _API_KEYS.items():
        _default_api_key(settings, expansion, path, variable)
    for key, value in overrides.items():
        if value is not None:
            _set(settings, tuple(key.split(".")), value)
    source = Source(name, lines, variables=env)
    problems = [*document.problems, *expansion.problems, *_two_mappings(settings, source)]
    source = replace(source, missing=_missing(expansion, source), warnings=_warnings(source))
    context = {"known_fields": _catalogue() if known_fields is None else known_fields}
    config: Config | None = None
    try:
        config = Config.of(settings, source, context=context)
    except ValidationError as error:
        problems += from_validation(error.errors(include_url=False), Config)
    if config is None or problems:
        # Outside of the handler: pydantic's error holds the values, and a traceback would show it.
        raise refusal(problems, source)
    return config


def _catalogue() -> Collection[str]:
    from tajo.core.fields import FIELDS

    return FIELDS.keys()


def _default_api_key(settings: dict[str, Any], expansion: Expansion, path: Path, variable: str) -> None:
    """Without a line of its own, Brevo's key is BREVO_API_KEY, and the service's TAJO_API_KEY.

    A line that names another, unset variable stays empty: its account must not be swapped for another in silence.
    """
    group = settings.get(str(path[0]))
    if path in expansion.missing or (group is not None and not isinstance(group, dict)):
        return
    if group is not None and group.get(path[1]) is not None:
        return
    if key := expansion.env.get(variable, "").strip():
        _set(settings, path, key)
    elif path in _NEEDED:
        expansion.missing[path] = variable


def _set(settings: dict[str, Any], path: Path, value: object) -> None:
    """Put a value into the settings, unless a group on the way is no group, which is reported elsewhere."""
    group: Any = settings
    for step in path[:-1]:
        if group.get(step) is None:
            group[step] = {}
        group = group[step]
        if not isinstance(group, dict):
            return
    group[path[-1]] = value


def _two_mappings(settings: Mapping[str, Any], source: Source) -> list[Problem]:
    """A problem for each connector that maps fields although there is a mapping at the top."""
    connectors = settings.get("connectors")
    if settings.get("field_mapping") is None or not isinstance(connectors, dict):
        return []
    line = source.line(("field_mapping",))
    where = f" (line {line})" if line else ""
    return [
        Problem(
            ("connectors", connector, "field_mapping"),
            f"stands beside the field_mapping at the top{where}",
            "keep one of the two",
        )
        for connector, part in connectors.items()
        if isinstance(part, dict) and part.get("field_mapping") is not None
    ]


def _missing(expansion: Expansion, source: Source) -> tuple[Missing, ...]:
    return tuple(
        Missing(dotted(path), variable, source.name, source.line(path)) for path, variable in expansion.missing.items()
    )


def _warnings(source: Source) -> tuple[str, ...]:
    if _LEGACY not in source.lines:
        return ()
    return (
        f"{source.origin(_LEGACY)}: {dotted(_LEGACY)} is legacy and not used: Zoom signs with the secret token"
        " — remove the line",
    )
