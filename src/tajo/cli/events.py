"""`tajo events`"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import Whole, plain, print_json, read_config, shared
from tajo.core.errors import TajoError, UsageError

EVENT_ID = Whole(1, 2**63 - 1)  # as far as the database counts
STATES = ("waiting", "handled", "duplicate", "ignored", "quarantined", "failed")
SINCE = click.option("--since", metavar="DATE|2h|3d", help="Received at or after this UTC day, or this long ago.")
STATUS = click.option("--status", type=click.Choice(STATES), help="In this state.")


@click.group("events")
def command() -> None:
    """List, show and replay received webhooks."""


@command.command("list")
@SINCE
@STATUS
@click.option("--limit", type=Whole(1), default=50, show_default=True, help="At most so many, newest first.")
@shared
def list_events(
    since: str | None, status: str | None, limit: int, config_path: Path | None, as_json: bool, no_input: bool
) -> int:
    """List received webhooks, newest first."""
    del no_input
    from tajo.store import inbox

    moment = _moment(since)
    rows: list[inbox.Delivery] = _on_inbox(
        config_path,
        lambda box: box.read_now(lambda c: inbox.listed(c, since=moment, state=status or "", limit=limit)),
        nothing=[],
    )
    for row in rows:
        told = row.told()
        if as_json:
            print_json(told)
        else:
            at = f"{row.received_at:%Y-%m-%d %H:%M:%S}"
            click.echo(plain(f"{row.id:>8}  {at}  {row.state:<11}  {row.event or '?':<34} {row.uuid}  {row.reason}"))
    if not rows and not as_json:
        click.echo("nothing received" + (" that fits" if since or status else " yet"))
    return 0


@command.command("show")
@click.argument("event_id", type=EVENT_ID)
@shared
def show(event_id: int, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show one webhook as it was received, people's data included."""
    del no_input
    from tajo.store import inbox

    found = _on_inbox(config_path, lambda box: box.read_now(inbox.one, event_id), nothing=None)
    if found is None:
        raise _unknown(event_id)
    delivery, headers = found
    body = delivery.body.decode(errors="replace") if delivery.body is not None else None
    if as_json:
        print_json(delivery.told() | {"headers": headers, "body": body})
        return 0
    for name, value in (delivery.told() | headers).items():
        if value not in ("", None):
            click.echo(plain(f"{name}: {value}"))
    click.echo(plain(body) if body is not None else "(the body's retention is over)")
    return 0


@command.command("replay")
@click.argument("event_id", type=EVENT_ID, required=False)
@SINCE
@STATUS
@click.option("--dry-run", is_flag=True, help="Only show which would be handled again.")
@shared
def replay(
    event_id: int | None,
    since: str | None,
    status: str | None,
    dry_run: bool,
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
) -> int:
    """Let webhooks be handled again: one by its id, or those of a time or state. Replaying changes nothing twice.

    The running service, or the next `tajo serve` or `tajo worker`, handles them.
    """
    del no_input
    from tajo.store import inbox

    if (event_id is None) == (since is None and status is None):
        raise UsageError("give an id, or --since and --status", origin="events replay", hint="see `tajo events list`")
    moment = _moment(since)

    def work(box: Any) -> tuple[list[int], int]:
        if event_id is not None:
            ids = [event_id] if box.read_now(inbox.one, event_id) is not None else []
        else:
            ids = box.read_now(lambda c: inbox.ids_of(c, since=moment, state=status or ""))
        return ids, 0 if dry_run or not ids else box.write_now(inbox.again, ids, datetime.now(UTC))

    ids, done = _on_inbox(config_path, work, nothing=([], 0))
    if event_id is not None and not ids:
        raise _unknown(event_id)
    if as_json:
        print_json({"ids": sorted(ids), "replayed": done})
    elif dry_run:
        click.echo(f"{len(ids)} would be handled again: {', '.join(str(each) for each in sorted(ids))}")
    else:
        gone = f"; {len(ids) - done} have no body any more" if done < len(ids) else ""
        click.echo(f"{done} will be handled again{gone}")
    return 0


def _moment(since: str | None) -> datetime | None:
    from tajo.workflows.request import read_moment

    return read_moment(since, datetime.now(UTC), "--since") if since is not None else None


def _unknown(event_id: int) -> TajoError:
    return TajoError(f"there is no event {event_id}", origin="inbox", hint="see `tajo events list`")


def _on_inbox(config_path: Path | None, work: Callable[[Any], Any], *, nothing: Any) -> Any:
    """What `work` makes of the inbox, or `nothing` where there is none yet: looking does not make one."""
    from tajo import app

    box = app.inbox_if_any(read_config(config_path, optional=True))
    if box is None:
        return nothing
    try:
        return work(box)
    finally:
        box.close()
