"""`tajo connectors`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain, print_json, read_config, shared

if TYPE_CHECKING:
    from tajo.config.model import Config

ZOOM = click.argument("connector", type=click.Choice(["zoom"]))


@click.group("connectors")
def command() -> None:
    """Connect, list, inspect and disconnect connectors."""


@command.command("list")
@shared
def list_connectors(config_path: Path | None, as_json: bool, no_input: bool) -> None:
    """List the connectors and whether each is configured."""
    del no_input
    from tajo import app
    from tajo.workflows import connecting

    config = read_config(config_path, optional=True)
    found = connecting.listed(config, signed_in=app.is_signed_in(config))
    if as_json:
        print_json(found)
    for each in [] if as_json else found:
        click.echo(f"{each['connector']}  {each['state']}")


@command.command("connect")
@ZOOM
@click.option("--account-id", help="Instead of connectors.zoom.account_id.")
@click.option("--client-id", help="Instead of connectors.zoom.client_id.")
@click.option("--client-secret", help="Instead of connectors.zoom.client_secret.")
@click.option("--oauth", is_flag=True, help="Sign in as a Zoom user, in the browser, instead of as the account.")
@click.option("--wait", is_flag=True, help="Wait until the running service has passed Zoom's challenge.")
@shared
def connect(
    connector: str,
    oauth: bool,
    wait: bool,
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
    **given: str | None,
) -> int:
    """Prove access to Zoom and Brevo, create the attributes and lists that Brevo lacks, and set up webhooks.

    Prints what belongs on the app's page in the Zoom App Marketplace: the address for webhooks, events and scopes.
    Where the app may, it subscribes to the events by itself.
    """
    del connector
    from tajo.cli.connecting import Connecting

    overrides = {f"connectors.zoom.{name}": value for name, value in given.items()}
    config = read_config(config_path, optional=True, overrides=overrides)
    work = Connecting(config, given=given, as_json=as_json, browser=not no_input)
    return work.run(oauth=oauth, wait=wait)


@command.command("status")
@ZOOM
@shared
def status(connector: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show when a connector was connected, what its last run did, and its dead letters."""
    del connector, no_input
    from tajo.workflows import connecting

    nothing: dict[str, Any] = {
        "connector": "zoom",
        "connected_at": None,
        "sign_in": None,
        "last_run": None,
        "dead_letters": [],
    }
    told = _on_database(read_config(config_path, optional=True), connecting.status, nothing)
    if as_json:
        print_json(told)
        return 0
    click.echo(f"zoom: {'connected since ' + told['connected_at'][:16] if told['connected_at'] else 'not connected'}")
    if signed_in := told["sign_in"]:
        click.echo(f"signed in as {plain(signed_in['email'] or 'a user')}, since {signed_in['since'][:16]}")
        if signed_in["refused"]:
            click.echo(f"  {signed_in['refused']}: run `tajo connectors connect zoom --oauth`")
    run = told["last_run"]
    if run is None:
        click.echo("no sync yet")
    else:
        click.echo(f"last sync: {run['state']}, started {run['started_at'][:16]}")
        problem = (run["summary"] or {}).get("problem")
        if problem:
            click.echo(f"  stopped: {problem['message']} — {problem['hint']}")
    for letter in told["dead_letters"]:
        click.echo(f"dead letter: {plain(letter['subject'])}: {letter['reason']} ({letter['origin']})")
        if letter["remedy"]:
            click.echo(f"    → {letter['remedy']}")
    return 0


@command.command("disconnect")
@ZOOM
@shared
def disconnect(connector: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Forget the connection; a user's sign-in is revoked at Zoom. What was read and written stays."""
    del connector, no_input
    from tajo import app
    from tajo.workflows import connecting

    config = read_config(config_path, optional=True)

    async def work(database: Any) -> tuple[bool, str]:
        return await connecting.disconnect(app.sign_ins(config, database))

    there, untold = _on_database(config, work, (False, ""))
    if untold:
        click.echo(f"warning: the sign-in is deleted here, and Zoom could not be told: {plain(untold)}", err=True)
        click.echo("    → remove the app in Zoom, under Apps, Added Apps", err=True)
    if as_json:
        print_json({"disconnected": there})
    else:
        click.echo("zoom is disconnected" if there else "zoom was not connected")
    return 0 if there else 1


def _on_database(config: Config, work: Any, nothing: Any) -> Any:
    """The work's result; `nothing` where there is no database yet, which is not a reason to make one."""
    import anyio

    from tajo import app

    database = app.database_if_any(config)
    if database is None:
        return nothing
    try:
        return anyio.run(work, database)
    finally:
        database.close()
