"""Where a configuration came from: the lines of its keys, and the variables that it names but nobody set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]


def printable(text: str, limit: int = 60) -> str:
    """The text on one line and not too long, whatever is in it."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def dotted(path: Path) -> str:
    """The path as messages write it.

    >>> dotted(("exclude", "domains", 1)), dotted(("field_mapping", "question", "How come?"))
    ('exclude.domains[1]', 'field_mapping.question."How come?"')
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", step)
            shown = printable(step)
            text += ("." if text else "") + (shown if plain else f'"{shown}"')
    return text


@dataclass(frozen=True, slots=True)
class Missing:
    """A setting that names a variable which is unset or empty. `line` is 0 where there is no file."""

    key: str
    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration's origin. `name` is the file as it was given, "config" for a mapping out of a program.

    `lines` has every key that is written, with its line (0 in a mapping).
    """

    name: str = "config"
    lines: Mapping[Path, int] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    warnings: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the environment and .env

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest group around it that is written; 0 if none."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def origin(self, path: Path) -> str:
        """Where the key is, for an error: "tajo.yml:7"."""
        line = self.line(path)
        return f"{self.name}:{line}" if line else self.name
