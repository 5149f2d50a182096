"""`tajo export-person`"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain, print_json, read_config, shared
from tajo.core.errors import TajoError

if TYPE_CHECKING:
    from tajo.config.model import Config


@click.command("export-person")
@click.argument("email")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Into this file, readable for you alone."
)
@shared
def command(email: str, output: Path | None, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Write down everything that is known about one person, as JSON.

    Their story, every row of the database by its table, and what webhooks told, as long as those are kept. What Brevo
    and Zoom know besides is not in it: ask them.
    """
    del as_json, no_input
    import anyio

    from tajo.workflows.erasing import address

    found = anyio.run(_export, read_config(config_path, optional=True), address(email))
    if found is None:
        click.echo(f"tajo: nothing is known about {plain(email)}", err=True)
        return 1
    if output is None:
        print_json(found)
        return 0
    _write(output, json.dumps(found, ensure_ascii=False, indent=2, default=str) + "\n")
    click.echo(f"written to {output}", err=True)
    return 0


async def _export(config: Config, email: str) -> dict[str, Any] | None:
    from tajo import app
    from tajo.workflows.exporting import export

    database = app.database_if_any(config)
    if database is None:
        return None
    box = app.inbox_if_any(config)
    try:
        return await export(config, database, box, email, datetime.now(UTC))
    finally:
        for each in (database, box):
            if each is not None:
                each.close()


def _write(path: Path, text: str) -> None:
    """A file of mode 0600, also where there was one before that more people could read."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise TajoError(
            f"the file cannot be written ({error.strerror})", origin=str(path), hint="give another path"
        ) from None
