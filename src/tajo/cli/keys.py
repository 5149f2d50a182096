"""`tajo keys`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tajo.cli.options import print_json, read_config, shared

if TYPE_CHECKING:
    from tajo.config.model import Config


@click.group("keys")
def command() -> None:
    """Show and replace the keys that stored tokens are encrypted with."""


@command.command("show")
@shared
def show(config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show where the key comes from, its id, and how many stored secrets each key seals. Never a key."""
    del no_input
    from tajo import app

    config = read_config(config_path, optional=True)
    vault = app.vault(config)
    used = _used(config)
    ids = [each.id for each in vault.keyring().keys] if used or vault.exists else []
    told = {"source": vault.source, "current": ids[0] if ids else None, "older": ids[1:], "used": used}
    if as_json:
        print_json(told)
        return 0
    click.echo(f"from {vault.source}: {ids[0] if ids else 'no key yet; the first sign-in makes one'}")
    for each in ids[1:]:
        click.echo(f"  older, opens only: {each}")
    for id_, count in used.items():
        click.echo(f"  {id_} seals {count} stored secrets{'' if id_ in ids else ': THIS KEY IS NOT HERE'}")
    return 0


def _used(config: Config) -> dict[str, int]:
    from tajo import app
    from tajo.store import signins

    database = app.database_if_any(config)
    if database is None:
        return {}
    try:
        return database.read_now(signins.key_ids)
    finally:
        database.close()


@command.command("rotate")
@shared
def rotate(config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Encrypt everything anew with a new key. The old one is kept until that is done, and forgotten then.

    A key in a file is made and written; with TAJO_KEY put the new key in front of the old one first. Killed half-way,
    it is simply run again. A running service goes on with the new key by itself where the key is in a file.
    """
    del no_input
    from tajo import app
    from tajo.store import signins

    config = read_config(config_path, optional=True)
    vault = app.vault(config)
    database = app.open_database(config)
    try:
        ring = vault.begin_rotation()
        resealed = database.write_now(signins.reseal, ring)
        vault.end_rotation(ring)
    finally:
        database.close()
    if as_json:
        print_json({"source": vault.source, "current": ring.current.id, "resealed": resealed})
        return 0
    click.echo(f"{resealed} stored secrets are sealed with the new key {ring.current.id}")
    if vault.file is None:
        click.echo("Next: leave only the first key in TAJO_KEY, and start the service again.")
    return 0
