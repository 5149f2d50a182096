"""A YAML text as plain values, with the line of every key.

The tree of nodes is read here and not ruamel's own construction: that one builds dates, sets and any tag's object, and
multiplies aliases without end. What remains is what a configuration is made of: groups, lists, text, numbers, truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from tajo.config.expansion import DEEPEST, MOST
from tajo.config.problems import Problem, refusal
from tajo.config.source import Path, Source, printable

LARGEST = 262_144  # bytes; ours, the longest configuration anyone writes by hand is far below
_TAG = "tag:yaml.org,2002:"
_UNKNOWN_TAG = "has a tag, which settings cannot have"


@dataclass(slots=True)
class Document:
    """What a file says: `data` is its settings, `lines` the line of each key, `problems` what cannot be meant."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def decode(content: bytes, name: str) -> str:
    """The file's text; refused unless it is UTF-8 of a sensible size."""
    if len(content) > LARGEST:
        raise refusal([Problem((), f"is larger than {LARGEST // 1024} KiB; is it the right file?")], Source(name))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem((), "is not UTF-8 text here", "save the file as UTF-8", line=line)
    raise refusal([problem], Source(name))


def parse(text: str, name: str) -> Document:
    """The document in the text; an empty one has no settings. Refused if it is no YAML at all, or no group."""
    root = _compose(text, name)
    document = Document()
    if root is None or (isinstance(root, ScalarNode) and str(root.tag) == f"{_TAG}null"):
        return document
    if not isinstance(root, MappingNode):
        found = "a list" if isinstance(root, SequenceNode) else "a single value"
        _refuse(f"must hold settings (lines such as key: value), not {found}", _line(root), name)
    _Builder(document, name).fill(document.data, root, ())
    return document


def _compose(text: str, name: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEEPEST
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise refusal([_syntax(error.problem or error.context or "", text, line, column)], Source(name)) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refusal([Problem((), "has a control character here", "remove it", line)], Source(name)) from None
    except Exception as error:
        # On malformed escapes and directives the scanner lets ValueError, IndexError and others of its own through.
        what = type(error).__name__
        raise refusal([Problem((), f"is not valid YAML ({what} while reading it)")], Source(name)) from None
    return node


def _syntax(what: str, text: str, line: int, column: int) -> Problem:
    lines = text.splitlines()
    written = lines[line - 1].lstrip() if line <= len(lines) else ""
    hint = ""
    if "'\\t'" in what or written.startswith("\t"):
        hint = "indent with spaces, YAML allows no tabs there"
    elif written.startswith(("question: '", 'question: "')):
        hint = 'write question: on a line of its own and under it "<title>": ATTRIBUTE'
    elif "depth" in what:
        what = "nested too deeply"
    elif "another document" in what:
        what = "a second document begins here"
    # An unquoted secret that begins with * or ! is an alias or a tag to YAML: its name is not repeated.
    what = re.sub(r"(alias|tag handle|tag|directive) '.*", r"\1", what, flags=re.DOTALL)
    return Problem((), f"is not valid YAML at column {column}: {printable(what, 120)}", hint, line)


def _refuse(text: str, line: int, name: str) -> NoReturn:
    raise refusal([Problem((), text, line=line)], Source(name))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _may_repeat(path: Path) -> bool:
    """Whether a group may be written in several pieces: `connectors`, and each connector in it.

    Documentation shows a connector's settings in separate blocks, and pasting one below the other must work.
    """
    return path[0] == "connectors" and len(path) <= 2


@dataclass(slots=True)
class _Builder:
    """Turns nodes into values, and refuses to go on when aliases make too many of them."""

    document: Document
    name: str
    count: int = 0

    def fill(self, group: dict[str, Any], node: MappingNode, path: Path) -> None:
        """Put the entries of the node into the group; a key that is already there is a problem."""
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._complain(path, "has a key that is not text", key_node)
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key not in group:
                self.document.lines[here] = _line(key_node)
                group[key] = self._value(value_node, here)
            elif _may_repeat(here) and isinstance(group[key], dict) and isinstance(value_node, MappingNode):
                self.fill(group[key], value_node, here)
            else:
                first = self.document.lines[here]
                self._complain(here, f"is written twice, first in line {first}", key_node, "keep one of the two")

    def _value(self, node: Node, path: Path) -> Any:
        self.count += 1
        if self.count > MOST or len(path) > DEEPEST:
            _refuse("has too many entries, or aliases that multiply without end", _line(node), self.name)
        tag = str(node.tag).removeprefix(_TAG)
        if isinstance(node, ScalarNode):
            return self._scalar(node, tag, path)
        if tag not in {"map", "seq"}:
            self._complain(path, _UNKNOWN_TAG, node)
            return None
        if isinstance(node, MappingNode):
            group: dict[str, Any] = {}
            self.fill(group, node, path)
            return group
        return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]

    def _item(self, node: Node, path: Path) -> Any:
        self.document.lines[path] = _line(node)
        return self._value(node, path)

    def _scalar(self, node: ScalarNode, tag: str, path: Path) -> Any:
        text = str(node.value)
        if tag.startswith("!") or tag == "binary":
            self._complain(path, _UNKNOWN_TAG, node)
            return None
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in {"true", "yes", "on", "y"}
        if tag in {"int", "float"}:
            return _number(text, tag)
        return text

    def _complain(self, path: Path, text: str, node: Node, hint: str = "") -> None:
        self.document.problems.append(Problem(path, text, hint, _line(node)))


def _number(text: str, tag: str) -> int | float | str:
    """The number, or the text as it is where Python reads none (beyond 4,300 digits, or `!!int` before a word)."""
    plain = text.replace("_", "")
    try:
        if tag == "float":
            return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return int(plain, 0) if plain.lstrip("+-")[:1] == "0" and not plain.lstrip("+-0").isdigit() else int(plain)
    except ValueError:
        return text
