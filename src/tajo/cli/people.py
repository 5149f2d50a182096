"""`tajo people`"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import counted, logging, plain, print_json, read_config, shared, warn_of_others


@click.group("people")
def command() -> None:
    """Review attendees that could not be identified."""


@command.command("review")
@click.option("--session", metavar="ID", default="", help="Only of this meeting or webinar.")
@shared
def review(session: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """List attendees whom Zoom shows without what identifies them, each with the likeliest registrants.

    Decide with `tajo people accept ID EMAIL` or `tajo people reject ID`. Until then they count as nobody, and nothing
    is written about them.
    """
    del no_input
    from tajo import app
    from tajo.workflows.identifying import listed

    database = app.database_if_any(read_config(config_path, optional=True))
    found: list[dict[str, Any]] = []
    if database is not None:
        try:
            found = database.read_now(listed, session.replace(" ", ""))
        finally:
            database.close()
    if as_json:
        print_json(found)
        return 0
    for each in found:
        _show(each)
    if not found:
        click.echo("nobody is in review")
    return 0


def _show(each: dict[str, Any]) -> None:
    from tajo.cli.display import WHY

    start = f"{datetime.fromisoformat(each['start']):%Y-%m-%d %H:%M}"
    where = f"{each['minutes']} min in {counted(each['rows'], 'row')}"
    click.echo(plain(f"{each['id']}  “{each['name']}”, {where}: {WHY[each['why']]}"))
    click.echo(plain(f"    {each['kind']} “{each['topic']}”, {start} UTC"))
    for other in each["suggestions"]:
        click.echo(plain(f"    {other['confidence']}: {other['email']} ({other['name']})"))
    if not each["suggestions"]:
        click.echo("    no registrant who was not there has a name like it")


@command.command("accept")
@click.argument("group_id", metavar="ID")
@click.argument("email")
@shared
def accept(group_id: str, email: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Say whose rows these are: roster, lists and attributes follow, and nothing is announced.

    The decision is kept: later syncs know it. It is changed by another one.
    """
    del no_input
    from tajo.workflows.erasing import address

    return _decide(config_path, group_id, address(email), as_json)


@command.command("reject")
@click.argument("group_id", metavar="ID")
@shared
def reject(group_id: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Say that these rows are no registrant's: they are not asked for again, and can hide no absentee."""
    del no_input
    return _decide(config_path, group_id, "", as_json)


def _decide(config_path: Path | None, group_id: str, email: str, as_json: bool) -> int:
    import anyio

    from tajo import app
    from tajo.workflows.identifying import decide

    config = read_config(config_path)

    async def run() -> dict[str, Any]:
        database = app.open_database(config)
        try:
            with logging(config, only_verbose=True):
                async with app.services(config, database) as services:
                    await warn_of_others(config, database)
                    told: dict[str, Any] = await decide(services, group_id.strip().lower(), email)
                    return told
        finally:
            database.close()

    told = anyio.run(run)
    if as_json:
        print_json(told)
    else:
        whose = f"the rows of {group_id} are {plain(email)}'s" if email else f"the rows of {group_id} are nobody's here"
        by = " (the running service did it)" if told["done_by"] == "service" else ""
        click.echo(f"{whose}; contacts: {told.get('created', 0)} created, {told.get('changed', 0)} changed{by}")
    if "problem" in told:
        click.echo(f"tajo: the decision is kept, but: {plain(told['problem'])}", err=True)
    return int(told.get("exit") or 0)
