"""The documentation says what the code does: generated parts are current, nothing is left out, links and code work."""

from __future__ import annotations

import importlib.util
import inspect
import re
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from tajo.client import Connectors, Contacts
from tajo.config.load import load
from tajo.config.reference import rows
from tajo.core import errors
from tajo.core.fields import FIELDS
from tajo.logs import EVENTS, LEVELS
from tajo.store.inbox import STATES
from tajo.web.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
LEVEL_NAMES = {number: name for name, number in LEVELS.items()}
PAGES = ("zoom", "service", "api", "consent", "engagement", "privacy", "awkward-cases")
TWINS = [("README.md", "README.ko.md"), *((f"docs/{name}.md", f"docs/{name}.ko.md") for name in PAGES)]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(?P<level>#{1,6}) (?P<text>.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


# --- reading pages ---


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of code."""

    page: str
    line: int
    language: str
    text: str


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def all_pages() -> list[str]:
    found = [*ROOT.glob("README*.md"), ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def blocks(page: str) -> list[Block]:
    text = read(page)
    return [
        Block(page, text.count("\n", 0, each.start()) + 1, each["language"], each["text"])
        for each in _FENCE.finditer(text)
    ]


def of(language: str) -> list[Any]:
    """Every block in a language, as parameters; twins have the same ones, which count once."""
    found = {block.text: block for page in reversed(all_pages()) for block in blocks(page)}
    chosen = [block for block in found.values() if block.language == language]
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in chosen]


def prose(page: str) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", read(page))


def headings(page: str) -> list[tuple[int, str]]:
    return [(len(each["level"]), each["text"].strip()) for each in _HEADING.finditer(prose(page))]


def anchors(page: str) -> set[str]:
    """The addresses of the page's headings, as GitHub makes them: in any language, repeated ones numbered."""
    found: set[str] = set()
    for _, text in headings(page):
        slug = "".join(_kept(char) for char in text.lower())
        address, number = slug, 0
        while address in found:
            number += 1
            address = f"{slug}-{number}"
        found.add(address)
    return found


def _kept(char: str) -> str:
    if char == " ":
        return "-"
    return char if char in "-_" or unicodedata.category(char)[0] in "LNM" else ""


def generator() -> ModuleType:
    """docs/generate.py as a module: it is a script, in no package."""
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()


# --- nothing is out of date, nothing is missing ---


@pytest.mark.parametrize("page", all_pages())
def test_generated_parts_are_current(page: str) -> None:
    """`python docs/generate.py` would change nothing."""
    assert GENERATE.generated(read(page)) == read(page), "run: python docs/generate.py"


def test_every_part_that_can_be_generated_stands_somewhere() -> None:
    written = {name for page in all_pages() for name in re.findall(r"<!-- generated: ([\w-]+) -->", read(page))}
    assert written == set(GENERATE.PARTS)


def test_every_setting_is_documented() -> None:
    missing = [row.key for row in rows() if f"| `{row.key}` |" not in read("docs/configuration.md")]
    assert not missing


@pytest.mark.parametrize("page", ["docs/fields.md", "docs/zoom.md", "docs/zoom.ko.md"])
def test_every_field_is_documented(page: str) -> None:
    assert not [name for name in FIELDS if f"| `{name}` |" not in read(page)]


def test_every_command_is_documented_with_its_options() -> None:
    text = read("docs/commands.md")
    for typed, command in GENERATE.command_paths():
        assert f"## {typed}\n" in text
        options = [each for each in command.params if isinstance(each, click.Option)]
        assert not [option.opts[0] for option in options if option.opts[0] not in text]


@pytest.mark.parametrize("page", ["docs/api.md", "docs/api.ko.md"])
def test_every_method_of_the_sdk_is_documented_with_its_arguments(page: str) -> None:
    for group, methods in (("connectors", Connectors), ("contacts", Contacts)):
        for name, method in inspect.getmembers(methods, inspect.iscoroutinefunction):
            if name.startswith("_"):
                continue
            given = [each for each in inspect.signature(method).parameters if each != "self"]
            typed = ", ".join('"zoom"' if each == "connector" else each for each in given)
            assert f"| `tajo.{group}.{name}({typed})` | " in read(page)


@pytest.mark.parametrize("page", ["docs/service.md", "docs/service.ko.md"])
def test_every_state_log_event_and_metric_of_the_service_is_documented(page: str) -> None:
    text = read(page)
    assert not [state for state in STATES if f"| `{state}` | " not in text]
    assert not [name for name, (level, _) in EVENTS.items() if f"| `{name}` | {LEVEL_NAMES[level]} | " not in text]
    told = {line.split()[2] for line in Metrics().text().decode().splitlines() if line.startswith("# TYPE ")}
    told |= set(re.findall(r'"(tajo_\w+)"', read("src/tajo/web/app.py")))
    assert len(told) > 10
    assert not [name for name in told if not name.endswith("_created") and f"| `{name}` | " not in text]


def test_every_error_and_exit_code_is_documented() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.TajoError)]
    text = read("docs/errors.md")
    assert not [each.__name__ for each in classes if f"| `{each.__name__}` | {each.exit_code} |" not in text]
    assert not [each.exit_code for each in classes if f"\n| {each.exit_code} | " not in text]


# --- twins ---


@pytest.mark.parametrize(("english", "korean"), TWINS)
def test_twins_have_the_same_structure(english: str, korean: str) -> None:
    """The same levels of headings in the same order, the same code, and as many lines of tables and lists."""
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(korean)]
    assert [_bare(block) for block in blocks(english)] == [_bare(block) for block in blocks(korean)]
    assert _shape(english) == _shape(korean)


def _bare(block: Block) -> tuple[str, str]:
    """Language and code; comments may be translated."""
    return block.language, re.sub(r"(?m)\s*#.*$", "", block.text)


def _shape(page: str) -> list[str]:
    """What each line of a table or list begins with; the text between them is free."""
    starts = (re.match(r"(\||- |\d+\. )", line) for line in prose(page).splitlines())
    return [start[1] for start in starts if start]


@pytest.mark.parametrize(("english", "korean"), TWINS)
def test_twins_link_to_each_other(english: str, korean: str) -> None:
    assert f"[한국어]({Path(korean).name})" in read(english)
    assert f"[English]({Path(english).name})" in read(korean)


def test_korean_pages_are_polite_throughout() -> None:
    """Whole sentences end in 합니다-style; 한다-style would be another voice."""
    for _, korean in TWINS:
        plain = re.findall(r"[^\n.]*(?:한다|된다|있다|없다|이다)\.(?=\s|$)", prose(korean))
        assert not plain


# --- links ---


@pytest.mark.parametrize("page", all_pages())
def test_relative_links_lead_somewhere(page: str) -> None:
    """To a file that exists, and to a heading in it."""
    for match in _LINK.finditer(prose(page)):
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.is_file(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(str(path.resolve().relative_to(ROOT))), f"{page} links to {target}"


# --- code ---


@pytest.mark.parametrize("block", of("python"))
def test_python_of_the_documentation_runs(block: Block, office: Any) -> None:
    """Each block by itself, in a folder with a tajo.yml that leads to the simulators; it says something."""
    code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec")
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        exec(code, {"__name__": "__main__"})
    assert out.getvalue()


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_of_the_documentation_is_a_configuration(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "tajo.yml"
    path.write_text(block.text, encoding="utf-8")
    load(path, env={})


def test_the_pages_three_blocks_work_together(office: Any) -> None:
    """One below the other in one file, as people paste them: `tajo check` finds nothing wrong, `tajo sync` works."""
    first, fields, _, debug = [block.text for block in blocks("docs/zoom.md") if block.language == "yaml"][:4]
    office.write(first + fields + debug)
    checked = office.run("check")
    assert checked.code == 0, checked.out
    assert "verification_token is legacy and not used" in checked.err
    assert office.run("sync", "zoom").code == 0
    assert office.brevo.contacts["ana@example.com"].list_ids == {15, 16, 17}


def test_the_shell_commands_of_the_readme_exist() -> None:
    typed = re.findall(r"(?m)^tajo ([\w -]+?)(?= {2,}|\s--|$)", "".join(block.text for block in blocks("README.md")))
    known = [path.removeprefix("tajo ") for path, _ in GENERATE.command_paths()]
    assert typed
    assert not [words for words in typed if not any(words.startswith(path) for path in known)]
