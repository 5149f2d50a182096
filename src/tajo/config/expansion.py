"""`${NAME}` and `${NAME:-default}` in the text of settings; `$${` is a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tajo.config.problems import Problem
from tajo.config.source import Path
from tajo.config.values import Expanded

DEEPEST = 32  # ours: settings are at most six groups deep
MOST = 10_000  # ours: nodes in one configuration; a mapping can hold itself, and YAML's aliases multiply
_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")


@dataclass(slots=True)
class Expansion:
    """Settings with their variables filled in.

    Text that is empty in the end is None, as if the key were not written. `keys` are the paths of everything that is
    written; `missing` pairs the path of a setting with the variable that it lacks.
    """

    env: Mapping[str, str]
    keys: list[Path] = field(default_factory=list)
    missing: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _overflown: bool = False

    def expand(self, value: Any, path: Path = ()) -> Any:
        """The value with every `${NAME}` in it replaced, through groups and lists."""
        self.keys.append(path)
        if len(path) > DEEPEST or len(self.keys) > MOST:
            if not self._overflown:
                self.problems.append(Problem(path[:1], "is nested too deeply, or has too many entries"))
            self._overflown = True
            return None
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, Mapping):
            return self._group(value, path)
        if isinstance(value, (list, tuple)):
            items = [self.expand(item, (*path, index)) for index, item in enumerate(value)]
            # An unset variable in a list is an item less; an item that was written as nothing is a mistake.
            return [item for item, raw in zip(items, value, strict=True) if item is not None or raw is None]
        return value

    def _group(self, group: Mapping[Any, Any], path: Path) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for key, value in group.items():
            if isinstance(key, str) and _is_unicode(key):
                filled[key] = self.expand(value, (*path, key))
            else:
                self.problems.append(Problem(path, "has a key that is not text"))
        return filled

    def _text(self, text: str, path: Path) -> str | None:
        if "${" in text:
            expanded = self._references(text, path)
            text = "" if expanded is None else expanded
        if not _is_unicode(text):
            self.problems.append(Problem(path, "has bytes that are not text"))
            return None
        return text if text.strip() else None

    def _references(self, text: str, path: Path) -> Expanded | None:
        """The text with its references replaced; None, and a note of the variable, if one has no value."""
        unset: list[tuple[str, bool]] = []  # the variable, and whether the text is nothing without it
        malformed = False

        def value_of(match: re.Match[str]) -> str:
            nonlocal malformed
            if match[0] == "$${":
                return "${"
            if match["name"] is None:
                malformed = True
                return ""
            value = self.env.get(match["name"], "") or match["default"] or ""
            if not value:
                unset.append((match["name"], match["default"] is None))
            return value

        filled = _REFERENCE.sub(value_of, text)
        if malformed:
            hint = "write ${NAME} or ${NAME:-default}, and $${ for a literal ${"
            self.problems.append(Problem(path, "has a ${ that begins no variable", hint))
            return None
        needed = [name for name, required in unset if required or not filled.strip()]
        if needed:
            self.missing[path] = needed[0]
            return None
        return Expanded(filled)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: an environment that is not UTF-8, or an escape in the YAML
        return False
    return True
