"""`tajo sync`"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import logging, print_json, read_config, shared, warn_of_others


def window(command: Any) -> Any:
    """The options that say which sessions: `since`, `until`, `meeting`, `webinar`."""
    for option in (
        click.option("--webinar", metavar="ID|UUID", help="Only this webinar."),
        click.option("--meeting", metavar="ID|UUID", help="Only this meeting."),
        click.option("--until", metavar="DATE", help="The last UTC day; today unless given."),
        click.option("--since", metavar="DATE|30d", help="The first UTC day, or so many days ago; 30d unless given."),
    ):
        command = option(command)
    return command


@click.command("sync")
@click.argument("connector", type=click.Choice(["zoom"]))
@window
@click.option("--with-events", is_flag=True, help="Also send the sessions' Brevo events, after showing how many.")
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing. The same as `tajo plan`.")
@shared
def command(connector: str, with_events: bool, dry_run: bool, **options: Any) -> int:
    """Bring everybody who registered or came into Brevo.

    Reads the sessions of the window and the registrants of coming ones. Killed or stopped, the same command goes on
    where it was. Sends no mails, and Brevo events only --with-events: each once, however often it is asked for.
    """
    del connector
    if dry_run:
        from tajo.cli.plan import show_plan

        return show_plan(**options)
    return _sync(with_events=with_events, **options)


def _sync(
    with_events: bool,
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
    since: str | None,
    until: str | None,
    meeting: str | None,
    webinar: str | None,
) -> int:
    import anyio

    from tajo import app
    from tajo.cli.display import Bars, console
    from tajo.workflows.request import carry_out, read_request
    from tajo.workflows.services import utc_now

    config = read_config(config_path)
    app.require_zoom(config)
    request = read_request(since=since, until=until, meeting=meeting, webinar=webinar, now=utc_now())

    async def run() -> dict[str, Any]:
        database, box = app.open_database(config), app.inbox_if_any(config)
        try:
            with Bars(console(stderr=True)) as bars, logging(config, only_verbose=True):
                async with app.services(config, database, progress=bars) as services:
                    await warn_of_others(config, database)
                    summary = await carry_out(services, request, told=lambda text: click.echo(text, err=True), box=box)
                    if with_events and "problem" not in summary:
                        bars.pause()
                        summary["events"] = await _events(services, summary, ask=not no_input)
                    return summary | {"calls": dict(bars.calls), "limited": dict(bars.limited)}
        finally:
            for each in (database, box):
                if each is not None:
                    each.close()

    return finish(anyio.run(run), as_json)


async def _events(services: Any, summary: dict[str, Any], *, ask: bool) -> dict[str, Any] | None:
    """Send the events of the sessions that were synced, after showing how many; None where nobody wanted them."""
    import sys

    from tajo.workflows.announcing import announce
    from tajo.workflows.roles import role_lock
    from tajo.workflows.telling import unsent

    wanted = await unsent(services, [each["key"] for each in summary["occurrences"]])
    names = Counter(each.name for each in wanted)
    told = ", ".join(f"{count} {name}" for name, count in sorted(names.items())) or "none left"
    click.echo(f"Brevo events to send: {told}", err=True)
    if wanted and ask and sys.stdin.isatty() and not click.confirm("Send them?", err=True):
        return None
    with role_lock(services.database, "sync"):
        sent = await announce(services, wanted)
    told_events: dict[str, Any] = sent.json()
    return told_events


def finish(summary: dict[str, Any], as_json: bool) -> int:
    """Print a run's summary; its exit code. A problem that stopped it is raised as the error that it was."""
    from tajo.core.problems import error_of
    from tajo.workflows.sync import exit_code

    if "problem" in summary:
        if as_json:
            print_json(summary)
        raise error_of(summary["problem"])
    if as_json:
        print_json({name: value for name, value in summary.items() if name != "writes"})
    else:
        show(summary)
    return exit_code(summary)


def show(summary: dict[str, Any]) -> None:
    from tajo.cli.display import console, sentences, summary_table

    console().print(summary_table(summary))
    for sentence in sentences(summary):
        click.echo(sentence)
    if summary.get("events"):
        events = summary["events"]
        click.echo(
            f"Brevo events: {events['sent']} sent, {events['refused']} refused, {events['ambiguous']} unanswered"
        )
    calls = summary["calls"]
    if not calls:
        return  # the running service made them: see its figures
    zoom = sum(count for name, count in calls.items() if name.startswith("zoom."))
    brevo = sum(count for name, count in calls.items() if name.startswith("brevo."))
    click.echo(f"calls: {zoom} to Zoom, {brevo} to Brevo, {sum(summary['limited'].values())} refused by a limit")
