"""`tajo follow-ups`"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from tajo.cli.options import counted, logging, plain, print_json, read_config, shared, warn_of_others
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
        print_json({"rules": rules, "sessions": [each | {"due": _iso(each["due"])} for each in lines]})
        return 0
    for rule in rules:
        rests = f"  rests: {rule['rests']['why']}" if rule["rests"] else ""
        click.echo(plain(f"{rule['rule']:<20} {rule['when']:<20} template {rule['template']}{rests}"))
    if not rules:
        click.echo("no follow-ups are configured: see docs/follow-ups.md")
    for line in lines:
        click.echo(plain(f"  {line['subject']:<44} {line['rule']:<20} {', '.join(_became(line))}"))
    return 0


def _became(line: dict[str, Any]) -> list[str]:
    """What became of a rule's mails about one session; `cancelled` may have been said before there was any."""
    told = [f"{count} {state}" for state, count in line["mails"].items()]
    if line["mails"].get("waiting"):
        told.append(f"due {_time(line['due'])}")
    if line["cancelled"]:
        told.append("nothing more goes out" if told else "cancelled in advance")
    return told


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

    async def work(services: Any) -> list[int]:
        mine = mailing.rule_named(services, rule)
        return [await mailing.cancel(services, mine, each) for each in await mailing.session(services, session)]

    stopped = _with_services(config_path, work)
    if as_json:
        print_json({"cancelled": sum(stopped)})
        return 0
    about = "this session" if len(stopped) == 1 else f"these {len(stopped)} sessions"
    click.echo(f"{counted(sum(stopped), 'mail')} cancelled; the rule sends nothing about {about} any more")
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
        click.echo(_done(done))
    return 6 if done.get("refused") or done.get("uncertain") else 0


def _done(done: dict[str, Any]) -> str:
    """What `send` did, in words; `asked` alone are those that a running service sends."""
    if handed := done.get("asked"):
        return f"{counted(handed, 'mail')} {'is' if handed == 1 else 'are'} handed to the running service"
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in done.items() if count) or "nothing sent"


def _confirmed(mails: int, no_input: bool) -> bool:
    if no_input or not sys.stdin.isatty():
        raise UsageError(
            f"{counted(mails, 'mail')} would go out", origin="follow-ups send", hint="add --yes to send them"
        )
    return click.confirm(f"Send {counted(mails, 'mail')}?", err=True)


def _told(shown: dict[str, Any]) -> list[str]:
    lines = [f"{shown['rule']}, template {shown['template']}, about “{shown['topic']}” ({shown['subject']})"]
    nobody = f" ({shown['why_nobody']})" if shown["why_nobody"] else ""
    lines.append(f"  would get it now: {shown['would_get_it']}{nobody}")
    if shown["only_on_purpose"]:
        why = shown["only_on_purpose"]
        lines.append(f"  the rule sends nothing about this by itself ({why}); `tajo follow-ups send` does")
    lines += [f"  held back: {count} ({why})" for why, count in shown["barred"].items()]
    if shown["others"]:
        lines.append(f"  {counted(shown['others'], 'other')} on the roster: the rule does not mean them")
    lines += [f"  so far: {count} {state}" for state, count in shown["mails"].items()]
    for sample in shown["samples"]:
        told = ", ".join(f"{name}={value}" for name, value in sample["params"].items())
        lines.append(f"  for example {sample['email']}: {told or 'no parameters'}")
    return lines


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


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
