"""`tajo plan`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tajo.cli.options import print_json, read_config, shared
from tajo.cli.sync import window


@click.command("plan")
@click.argument("connector", type=click.Choice(["zoom"]))
@window
@shared
def command(connector: str, **options: Any) -> int:
    """Show what `tajo sync` would write, by the same code; write nothing anywhere."""
    del connector
    return show_plan(**options)


def show_plan(
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
    since: str | None,
    until: str | None,
    meeting: str | None,
    webinar: str | None,
) -> int:
    del no_input
    import anyio

    from tajo import app
    from tajo.cli.display import Bars, console
    from tajo.workflows.request import a_copy, preview, read_request
    from tajo.workflows.services import utc_now

    config = read_config(config_path)
    app.require_zoom(config)
    request = read_request(since=since, until=until, meeting=meeting, webinar=webinar, now=utc_now())

    async def run() -> dict[str, Any]:
        async with a_copy(config.require("database_url"), app.vault(config)) as (database, original):
            with Bars(console(stderr=True)) as bars:
                async with app.services(config, database, progress=bars, budgets=original) as services:
                    summary = await preview(services, request)
                    return summary | {"calls": dict(bars.calls), "limited": dict(bars.limited)}

    return finish(anyio.run(run), as_json)


def finish(summary: dict[str, Any], as_json: bool) -> int:
    from tajo.cli.display import console, plan_table, review_table
    from tajo.cli.sync import show
    from tajo.core.problems import error_of
    from tajo.workflows.sync import exit_code

    if "problem" in summary:
        raise error_of(summary["problem"])
    if as_json:
        print_json(summary)
        return exit_code(summary)
    shown = 50
    console().print(plan_table(summary["writes"], shown))
    if len(summary["writes"]) > shown:
        click.echo(f"… and {len(summary['writes']) - shown} more (--json shows all)")
    if summary["review"]:
        console().print(review_table(summary["review"], shown))
    click.echo()
    show(summary)
    click.echo("nothing was written")
    return exit_code(summary)
