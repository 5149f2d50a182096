"""`tajo engagement`"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import logging, plain, print_json, read_config, shared, warn_of_others
from tajo.core.errors import RejectedError, TajoError


@click.group("engagement")
def command() -> None:
    """Show how far people came in a session; score history anew."""


@command.command("session")
@click.argument("session", metavar="ID|UUID|OCCURRENCE")
@shared
def show_session(session: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show a session's funnel: registered, attended, half of it, to the end; each date of a series for itself."""
    del no_input
    from tajo import app
    from tajo.store.rosters import named
    from tajo.workflows.scoring import funnel
    from tajo.workflows.services import terms_of

    config = read_config(config_path, optional=True)
    weights = terms_of(config).weights
    database = app.database_if_any(config)
    told: list[dict[str, Any]] = []
    if database is not None:
        try:
            name = session.encode(errors="replace").decode()  # bytes that are no text are no session's name
            told = database.read_now(lambda c: [funnel(c, each, weights) for each in named(c, name)])
        finally:
            database.close()
    if as_json:
        print_json({"occurrences": told})
    if not told:
        raise TajoError(
            "no session of that number, UUID or name is known",
            origin="engagement session",
            hint="check it, or run `tajo sync zoom` first",
        )
    if not as_json:
        for each in told:
            for line in narrate(each):
                click.echo(plain(line))
    return 0


def narrate(told: dict[str, Any]) -> list[str]:
    """A funnel as lines of text."""
    start = f"{datetime.fromisoformat(told['start']):%Y-%m-%d %H:%M}"
    came = told["attended"]
    guests = told["without_registration"]
    lines = [
        f"{told['kind']} “{told['topic']}”, {start} UTC ({told['readiness']})  {told['occurrence']}",
        f"  registered   {told['registered']:>6}",
        f"  attended     {came:>6}" + (f"   {guests} of them without registration" if guests else ""),
        f"  half of it   {told['half']:>6}{_of(told['half'], came)}",
        f"  to the end   {told['to_the_end']:>6}{_of(told['to_the_end'], came)}",
    ]
    if came:
        delay = told["median_join_delay_minutes"]
        late = f", first joined {delay} min after the start" if delay is not None else ""
        lines.append(
            f"  median: {told['median_minutes']} of {told['held_minutes']} min{late}, score {told['median_score']}"
        )
    lines.append(
        f"  polls answered: {told['polls_answered']}{_more(told['polls_of_nobody'])}, "
        f"questions asked: {told['questions_asked']}{_more(told['questions_of_nobody'])}"
    )
    if recording := told["recording"]:
        until = f", until {recording['expires_on']}" if recording["expires_on"] else ""
        lines.append(f"  recording: {recording['share_url']} ({recording['minutes']} min{until})")
    return lines


def _of(part: int, whole: int) -> str:
    return f"   {round(100 * part / whole)} % of the attended" if whole else ""


def _more(count: int) -> str:
    return f" (and {count} by nobody who is known)" if count else ""


@command.command("recompute")
@click.option("--since", metavar="DATE|90d", help="Only sessions since this UTC day, or so many days ago.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@shared
def recompute(since: str | None, dry_run: bool, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Score history as the configuration now says, and write the contacts that change.

    Asks Zoom for nothing. Killed or stopped, the same command finishes it.
    """
    del no_input
    import anyio

    from tajo import app
    from tajo.workflows.request import a_copy, read_moment
    from tajo.workflows.roles import role_lock
    from tajo.workflows.scoring import recompute as carry_out

    config = read_config(config_path)
    app.require_zoom(config)
    where = "engagement recompute"
    moment = read_moment(since, datetime.now(UTC), "--since", origin=where) if since is not None else None

    async def look() -> dict[str, Any]:
        async with (
            a_copy(config.require("database_url"), app.vault(config)) as (database, original),
            app.services(config, database, budgets=original) as services,
        ):
            return dict(await carry_out(services, since=moment, dry_run=True))

    async def work() -> dict[str, Any]:
        database = app.open_database(config)
        try:
            with role_lock(database, "sync"), logging(config, only_verbose=True):
                async with app.services(config, database) as services:
                    await warn_of_others(config, database)
                    return dict(await carry_out(services, since=moment, dry_run=False))
        finally:
            database.close()

    told = anyio.run(look if dry_run else work)
    if as_json:
        print_json(told)
    else:
        for line in say(told):
            click.echo(plain(line))
    return RejectedError.exit_code if told["contacts"].get("refused") else 0


def say(told: dict[str, Any]) -> list[str]:
    """What was recomputed, as lines of text."""
    known = told["from"]
    same = known in (None, told["to"])
    lines = [f"score version {told['to']}" if same else f"score version {known} → {told['to']}"]
    changes = told["changes"]
    if changes is None:
        lines.append(f"{told['sessions']} sessions; version {known} was made by another formula: nobody can compare")
    else:
        lines.append(
            f"{told['sessions']} sessions with {changes['scores']} scores: {changes['changed']} change, of "
            f"{changes['people']} people in {changes['sessions']} sessions, by {changes['largest']} points at most"
        )
    contacts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in told["contacts"].items())
    lines.append(f"contacts: {contacts}")
    if not told["is_mapped"]:
        lines.append("the field score is mapped to no attribute: nothing of it is in Brevo (see field_mapping)")
    if told["dry_run"]:
        lines.append("nothing was written")
    return lines
