"""`tajo follow-ups`"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from tajo.cli.options import logging, plain, print_json, read_config, shared, warn_of_others
from tajo.core.errors import UsageError

T = TypeVar("T")


@click.group("follow-ups")
def command() -> None:
    """List, preview, cancel and send mails that follow a session: the rules below follow_ups in tajo.yml.

    SESSION is a meeting's or webinar's id, a UUID, or a key such as the list shows.
    """


@command.command("list")
@shared
def list_follow_ups(config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """List the rules, and what waits, went out or was held back, by session."""
    del no_input
    from tajo import app
    from tajo.store import mails
    from tajo.workflows import resting

    config = read_config(config_path)
    database = app.database_if_any(config)
    lines: list[dict[str, Any]] = []
    paused: dict[str, Any] = {}
    if database is not None:
        try:
            lines = database.read_now(mails.overview)
            names = [rule.name for rule in config.follow_ups]
            paused = {name: why for name in names if (why := database.read_now(resting.reason, name))}
        finally:
            database.close()
    rules: list[dict[str, Any]] = [
        {"rule": each.name, "when": each.when, "template": each.template, "rests": paused.get(each.name)}
        for each in config.follow_ups
    ]
    if as_json:
        print_json({"rules": rules, "sessions": lines})
        return 0
    for rule in rules:
        rests = f"  rests: {rule['rests']['why']}" if rule["rests"] else ""
        click.echo(plain(f"{rule['rule']:<20} {rule['when']:<20} template {rule['template']}{rests}"))
    if not rules:
        click.echo("no follow-ups are configured: see docs/follow-ups.md")
    for line in lines:
        mails_told = ", ".join(f"{count} {state}" for state, count in line["mails"].items())
        due = f", due {_time(line['due'])}" if line["mails"].get("waiting") else ""
        click.echo(plain(f"  {line['subject']:<44} {line['rule']:<20} {mails_told}{due}"))
    return 0


@command.command("preview")
@click.argument("rule")
@click.argument("session")
@shared
def preview(rule: str, session: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show whom a rule would mail about a session, whom not and why, and some mails' parameters. Nothing is sent."""
    del no_input
    from tajo.workflows import mailing

    async def work(services: Any) -> list[dict[str, Any]]:
        mine = mailing.rule_named(services, rule)
        return [
            (await mailing.preview(services, mine, each)).json() for each in await mailing.session(services, session)
        ]

    found = _with_services(config_path, work)
    if as_json:
        print_json(found)
        return 0
    for each in found:
        for line in _told(each):
            click.echo(plain(line))
    return 0


@command.command("cancel")
@click.argument("rule")
@click.argument("session")
@shared
def cancel(rule: str, session: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Let nothing that waits go out; also not to people whom a correction brings later. `send` undoes it."""
    del no_input
    from tajo.workflows import mailing

    async def work(services: Any) -> int:
        mine = mailing.rule_named(services, rule)
        return sum([await mailing.cancel(services, mine, each) for each in await mailing.session(services, session)])

    stopped = _with_services(config_path, work)
    print_json({"cancelled": stopped}) if as_json else click.echo(f"{stopped} mail(s) cancelled")
    return 0


@command.command("send")
@click.argument("rule")
@click.argument("session")
@click.option("--yes", is_flag=True, help="Send without asking.")
@shared
def send(rule: str, session: str, yes: bool, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Send a rule's mails about a session now, however old it is, after showing how many.

    Who got the mail gets none again. Beside a running service, that sends them.
    """
    from tajo.workflows import mailing

    async def work(services: Any) -> dict[str, Any]:
        mine = mailing.rule_named(services, rule)
        shown = [await mailing.preview(services, mine, each) for each in await mailing.session(services, session)]
        asked = sum(each.json()["would_get_it"] for each in shown)
        for each in shown:
            for line in _told(each.json()):
                click.echo(plain(line), err=True)
        if asked and not yes and not _confirmed(asked, no_input):
            return {"asked": 0}
        done: dict[str, Any] = await mailing.send(services, shown)
        return done

    done = _with_services(config_path, work)
    if as_json:
        print_json(done)
    else:
        click.echo(
            ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in done.items() if count) or "nothing sent"
        )
    return 6 if done.get("refused") or done.get("uncertain") else 0


def _confirmed(mails: int, no_input: bool) -> bool:
    if no_input or not sys.stdin.isatty():
        raise UsageError(f"{mails} mails would go out", origin="follow-ups send", hint="add --yes to send them")
    return click.confirm(f"Send {mails} mail(s)?", err=True)


def _told(shown: dict[str, Any]) -> list[str]:
    lines = [f"{shown['rule']}, template {shown['template']}, about “{shown['topic']}” ({shown['subject']})"]
    lines.append(f"  would get it now: {shown['would_get_it']}")
    lines += [f"  held back: {count} ({why})" for why, count in shown["barred"].items()]
    lines += [f"  so far: {count} {state}" for state, count in shown["mails"].items()]
    for sample in shown["samples"]:
        told = ", ".join(f"{name}={value}" for name, value in sample["params"].items())
        lines.append(f"  for example {sample['email']}: {told or 'no parameters'}")
    return lines


def _time(moment: datetime | str | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if isinstance(moment, datetime) else str(moment)[:16]


def _with_services(config_path: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    import anyio

    from tajo import app

    config = read_config(config_path)

    async def run() -> T:
        database = app.open_database(config)
        try:
            with logging(config, only_verbose=True):
                async with app.services(config, database) as services:
                    await warn_of_others(config, database)
                    return await work(services)
        finally:
            database.close()

    return anyio.run(run)
