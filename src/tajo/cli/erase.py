"""`tajo erase`"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain, print_json, read_config, shared
from tajo.core.errors import TajoError, UsageError

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.workflows.erasing import Receipt


@click.command("erase")
@click.argument("email", required=False)
@click.option("--everywhere", is_flag=True, help="Also delete the contact in Brevo.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--undo", is_flag=True, help="Let this person be read and written again; deletes nothing.")
@click.option("--undo-all", is_flag=True, help="Let everybody who was erased be read again: for when the key is lost.")
@shared
def command(
    email: str | None,
    everywhere: bool,
    yes: bool,
    undo: bool,
    undo_all: bool,
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
) -> int:
    """Erase one person: everything that Tajo keeps of them, and with --everywhere the contact in Brevo.

    A keyed hash of the address stays, so that no later sync, sweep or webhook brings them back. Prints a receipt
    that names nobody. Backups that were made before still have everything: see docs/privacy.md.
    """
    if (email is None) != undo_all or (undo_all and undo) or (everywhere and (undo or undo_all)):
        raise UsageError("give an address, or --undo-all without one", origin="erase", hint="see `tajo erase --help`")
    config = read_config(config_path, optional=not everywhere)
    if undo or undo_all:
        return _undo(config, email, yes, as_json, no_input)
    import anyio

    from tajo.workflows.erasing import address

    return anyio.run(_erase, config, address(email or ""), everywhere, yes, as_json, no_input)


async def _erase(config: Config, email: str, everywhere: bool, yes: bool, as_json: bool, no_input: bool) -> int:
    from tajo import app
    from tajo.workflows import erasing

    if everywhere:
        config.require("brevo.api_key")
    database, box = app.open_database(config), app.inbox_if_any(config)
    try:
        if not yes:
            await _ask(database, box, email, everywhere, no_input)
        receipt, _ = await erasing.erase(database, box, email, everywhere=everywhere, now=datetime.now(UTC))
        error: TajoError | None = None
        if everywhere:
            async with app.brevo_alone(config, database) as brevo:
                error = await erasing.erase_in_brevo(brevo, email, receipt)
    finally:
        for each in (database, box):
            if each is not None:
                each.close()
    return _show(receipt, error, as_json)


def _show(receipt: Receipt, error: TajoError | None, as_json: bool) -> int:
    from tajo.workflows.erasing import lines

    if as_json:
        print_json(receipt.json())
    else:
        for line in lines(receipt):
            click.echo(plain(line))
    if error is not None:
        click.echo("tajo: erased here, but not in Brevo; the same command tries it again", err=True)
        raise error
    return 0


async def _ask(database: Any, box: Any, email: str, everywhere: bool, no_input: bool) -> None:
    from tajo.store import bodies, personal
    from tajo.workflows.erasing import known

    person = await known(database, box, email)
    rows = await database.read(personal.count, person)
    webhooks = len(await box.read(bodies.with_something, person)) if box is not None else 0
    told = ", ".join(f"{count} of {name}" for name, count in sorted(rows.items())) or "no rows"
    click.echo(f"of {plain(email)} there are: {told}; {webhooks} webhooks", err=True)
    what = "Erase all of it, and the contact in Brevo" if everywhere else "Erase all of it"
    _confirm(f"{what}? It cannot be taken back.", no_input)


def _confirm(question: str, no_input: bool) -> None:
    if no_input or not sys.stdin.isatty():
        raise UsageError("nobody can be asked", origin="erase", hint="add --yes")
    click.confirm(question, err=True, abort=True)


def _undo(config: Config, email: str | None, yes: bool, as_json: bool, no_input: bool) -> int:
    """Forget one erasure, or all of them; 1 when there was none."""
    from tajo import app
    from tajo.store import erasures
    from tajo.workflows.erasing import address

    if email is None and not yes:
        _confirm("Let everybody who was ever erased be read and written again?", no_input)
    database = app.open_database(config)
    try:
        if email is not None:
            count = int(database.write_now(erasures.forget, address(email)))
        else:
            count = database.write_now(erasures.forget_all)
    finally:
        database.close()
    if as_json:
        print_json({"undone": count})
    elif count:
        click.echo(f"{count} erasure{'s' if count > 1 else ''} undone: whoever tells of them brings them back")
    else:
        click.echo("tajo: nobody with this address was erased" if email else "tajo: nobody was erased", err=True)
    return 0 if count else 1
