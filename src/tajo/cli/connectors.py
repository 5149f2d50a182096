"""`tajo connectors`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tajo.cli.options import plain, print_json, read_config, shared

ZOOM = click.argument("connector", type=click.Choice(["zoom"]))


@click.group("connectors")
def command() -> None:
    """Connect, list, inspect and disconnect connectors."""


@command.command("list")
@shared
def list_connectors(config_path: Path | None, as_json: bool, no_input: bool) -> None:
    """List the connectors and whether each is configured."""
    del no_input
    config = read_config(config_path, optional=True)
    zoom = config.connectors.zoom
    ready = all((zoom.account_id, zoom.client_id, zoom.client_secret))
    state = "disabled" if not zoom.enabled else "configured" if ready else "not configured"
    if as_json:
        print_json([{"connector": "zoom", "state": state}])
    else:
        click.echo(f"zoom  {state}")


@command.command("connect")
@ZOOM
@click.option("--account-id", help="Instead of connectors.zoom.account_id.")
@click.option("--client-id", help="Instead of connectors.zoom.client_id.")
@click.option("--client-secret", help="Instead of connectors.zoom.client_secret.")
@shared
def connect(connector: str, config_path: Path | None, as_json: bool, no_input: bool, **given: str | None) -> None:
    """Prove access to Zoom and Brevo, and create the attributes and lists that Brevo lacks."""
    del connector, no_input
    import anyio

    from tajo import app
    from tajo.workflows import connecting

    overrides = {f"connectors.zoom.{name}": value for name, value in given.items()}
    config = read_config(config_path, optional=True, overrides=overrides)
    app.require_zoom(config)

    async def run() -> dict[str, Any]:
        database = app.open_database(config)
        try:
            async with app.services(config, database) as services:
                return await connecting.connect(services)
        finally:
            database.close()

    done = anyio.run(run)
    if as_json:
        print_json(done)
        return
    click.echo(f"zoom is connected (since {done['connected_at'][:16]} UTC)")
    if done["created_attributes"]:
        click.echo(f"created in Brevo, attributes: {', '.join(done['created_attributes'])}")
    for each in done["created_lists"]:
        click.echo(f"created in Brevo, list {each['id']}: {plain(each['name'])}")
    if any(given.values()):
        click.echo(
            "For later commands put what you gave into .env: ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET."
        )
    click.echo("Next: `tajo plan zoom --since 30d` shows what a sync would write.")


@command.command("status")
@ZOOM
@shared
def status(connector: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show when a connector was connected, what its last run did, and its dead letters."""
    del connector, no_input
    from tajo.workflows import connecting

    nothing: dict[str, Any] = {"connector": "zoom", "connected_at": None, "last_run": None, "dead_letters": []}
    told = _on_database(config_path, connecting.status, nothing)
    if as_json:
        print_json(told)
        return 0
    click.echo(f"zoom: {'connected since ' + told['connected_at'][:16] if told['connected_at'] else 'not connected'}")
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
    """Forget the connection. What was read and written stays."""
    del connector, no_input
    from tajo.workflows import connecting

    there = _on_database(config_path, connecting.disconnect, False)
    if as_json:
        print_json({"disconnected": there})
    else:
        click.echo("zoom is disconnected" if there else "zoom was not connected")
    return 0 if there else 1


def _on_database(config_path: Path | None, work: Any, nothing: Any) -> Any:
    """The work's result; `nothing` where there is no database yet, which is not a reason to make one."""
    import anyio

    from tajo import app

    database = app.database_if_any(read_config(config_path, optional=True))
    if database is None:
        return nothing
    try:
        return anyio.run(work, database)
    finally:
        database.close()
