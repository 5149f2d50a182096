"""Options that every command has, and how commands read the configuration and print."""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.config.model import Config
from tajo.core.errors import TajoError
from tajo.core.problems import problem_of

if TYPE_CHECKING:
    from tajo.store.database import Database


class Whole(click.IntRange):
    """A whole number in a range; click would say that something is no valid “integer range”."""

    name = "integer"


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config, --json and --no-input; the command gets them as `config_path`, `as_json` and `no_input`."""

    @click.option(
        "--config", "config_path", type=click.Path(path_type=Path), help="The configuration; tajo.yml unless given."
    )
    @click.option("--json", "as_json", is_flag=True, help="Data as JSON on stdout; talk goes to stderr.")
    @click.option("--no-input", is_flag=True, help="Never ask; fail where an answer would be needed.")
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _printed.clear()
        try:
            return command(*args, **kwargs)
        except TajoError as error:
            if kwargs["as_json"] and not _printed:
                print_json({"problem": problem_of(error)})
            raise

    return wrapped


_printed: list[bool] = []  # whether the command that runs has printed its data


def read_config(path: Path | None, *, optional: bool = False, overrides: dict[str, Any] | None = None) -> Config:
    """The configuration, its warnings told on stderr."""
    from tajo.config.load import load

    config = load(path, optional=optional, overrides=overrides)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    return config


async def warn_of_others(config: Config, database: Database) -> None:
    """Say on stderr when the service on this database was started with another configuration."""
    from tajo.workflows.jobs import others
    from tajo.workflows.services import utc_now

    for worker in await others(database, config, utc_now()):
        click.echo(
            f"warning: the running {worker} was started with another configuration, and goes on with that: restart it",
            err=True,
        )


def logging(config: Config, *, only_verbose: bool = False) -> AbstractContextManager[None]:
    """The log on stderr while the block lasts. `only_verbose`: for commands that say everything else themselves."""
    from tajo import logs

    zoom = config.connectors.zoom
    if only_verbose and zoom.effective_log_level != "verbose":
        return nullcontext()
    return logs.started(level=zoom.effective_log_level, webhooks=zoom.log_webhooks)


def print_json(data: Any) -> None:
    _printed.append(True)
    click.echo(json.dumps(data, ensure_ascii=False, default=str))


def counted(number: int, one: str, many: str = "") -> str:
    """How many, with the word for one or for many: "1 mail", "2 mails".

    >>> counted(1, "mail"), counted(0, "mail"), counted(2, "person", "people")
    ('1 mail', '0 mails', '2 people')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """Text from outside, harmless on a terminal: no control or escape characters, no direction overrides, one line."""
    odd = ("Cc", "Cf", "Zl", "Zp")
    return "".join(" " if unicodedata.category(char) in odd and char != "\u200d" else char for char in text)
