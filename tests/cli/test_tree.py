"""The command tree: what there is, what each command says of itself, and what it never loads."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from typing import Any

import click
import pytest

import tajo.cli as package
from tajo.cli.main import COMMANDS, tajo


def leaves() -> list[tuple[str, ...]]:
    """Every command as it is typed."""
    found: list[tuple[str, ...]] = []
    context = click.Context(tajo)
    for name in tajo.list_commands(context):
        command = tajo.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.commands]
        else:
            found.append((name,))
    return found


def command_at(path: tuple[str, ...]) -> click.Command:
    command: Any = tajo
    for name in path:
        command = command.get_command(click.Context(command), name)
    return command


def test_help_lists_exactly_the_commands_that_are_built(folder: Any) -> None:
    """Each module of the package with a command is in the tree, and each line of the tree has its module."""
    modules = {
        module.name
        for module in pkgutil.iter_modules(package.__path__, "tajo.cli.")
        if isinstance(getattr(importlib.import_module(module.name), "command", None), click.Command)
    }
    assert {module for module, _ in COMMANDS.values()} == modules
    ran = run("--help")
    section = ran.stdout.partition("Commands:\n")[2]
    listed = [line.split()[0] for line in section.splitlines() if line.startswith("  ") and line[2] != " "]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("path", [(), *((name,) for name in COMMANDS), *leaves()], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    command = command_at(path)
    shown = command.get_help(click.Context(command, info_name="tajo"))
    assert command.help
    assert command.help.split(".")[0].split("\n")[0] in " ".join(shown.split())
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} is not explained"


@pytest.mark.parametrize("path", leaves(), ids=" ".join)
def test_every_command_has_the_three_shared_options(path: tuple[str, ...]) -> None:
    given = {name for parameter in command_at(path).params for name in parameter.opts}
    assert {"--json", "--config", "--no-input"} <= given


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tajo.cli.main", *args], capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("--version",), ("sync", "--help"), ("connectors", "--help")])
def test_asking_for_help_is_no_error(args: tuple[str, ...]) -> None:
    ran = run(*args)
    assert ran.returncode == 0
    assert ran.stdout
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("snyc",), "Did you mean 'sync'?"),
        (("connector",), "Did you mean 'connectors'?"),
        (("whatever",), "There is no command 'whatever'."),
        (("sync",), "Missing argument"),
        (("sync", "teams"), "'teams' is not 'zoom'"),
        (("sync", "zoom", "--sicne", "30d"), "--since"),
        (("why",), "Missing argument"),
        (("connectors", "connect"), "Missing argument"),
        (("connectors", "conect", "zoom"), "conect"),
        (("simulate", "--zoom-port", "x"), "--zoom-port"),
        (("simulate", "--zoom-port", "70000"), "--zoom-port"),
        (("demo", "--seed", "x"), "--seed"),
        ((), "Usage"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_ends_with_2(args: tuple[str, ...], said: str, desk: Any) -> None:
    ran = desk().tajo(*args)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_asking_for_help_loads_no_engine() -> None:
    """Neither database, HTTP, configuration nor terminal library: `tajo --help` answers at once."""
    program = (
        "import sys\nsys.argv = ['tajo', '--help']\nfrom tajo.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'dbos', 'sqlalchemy', 'httpx2', 'pydantic', 'rich', 'ruamel', 'starlette', 'uvicorn', 'anyio'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert "LOADED []" in ran.stdout
