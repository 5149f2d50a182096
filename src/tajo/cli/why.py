"""`tajo why`"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import counted, plain, print_json, read_config, shared

# What became of a Brevo event → how that is said; the time follows.
EVENT_STATES = {
    "sending": "being sent since",
    "sent": "sent",
    "ambiguous": "sent once, without an answer,",
    "refused": "refused by Brevo",
    "too_old": "not sent, it came too late:",
}


@click.command("why")
@click.argument("email")
@shared
def command(email: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Tell one person's story: registered, came, written to Brevo, or why not."""
    del no_input
    from tajo import app
    from tajo.workflows.consenting import policy
    from tajo.workflows.services import terms_of
    from tajo.workflows.stories import story

    email = email.encode(errors="replace").decode()  # bytes that are no text are nobody's address
    config = read_config(config_path, optional=True)
    database = app.database_if_any(config)
    told = None
    if database is not None:
        try:
            told = database.read_now(story, email.strip().lower(), terms_of(config), policy(config))
        finally:
            database.close()
    if told is None:
        if as_json:
            print_json(None)
        click.echo(f"tajo: nobody with the address {plain(email)} is on any roster or in the ledger", err=True)
        click.echo("    → check the address; people without one are in review, see `tajo people review`", err=True)
        return 1
    if as_json:
        print_json(told)
    else:
        for line in narrate(told):
            click.echo(plain(line))
    return 0


def narrate(told: dict[str, Any]) -> list[str]:
    """The story as lines of text."""
    lines = [told["email"]]
    for each in told["sessions"]:
        lines += _session(each)
    written = told["written"]
    if written is None:
        lines.append(f"  Brevo: nothing written. {told['why_not']}")
    else:
        values = ", ".join(f"{name}={value}" for name, value in written["attributes"].items() if value != "")
        lines.append(f"  Brevo: written {_time(written['at'])} UTC by {written['how']}: {values}")
        lists = ", ".join(str(each) for each in written["lists"])
        lines.append(f"    on lists: {lists or 'none of ours'}")
    for event in told["events"]:
        lines.append(f"  Brevo event {event['name']}: {EVENT_STATES[event['state']]} {_time(event['at'])} UTC")
    for mail in told["mails"]:
        why = f" ({mail['why']})" if mail["why"] else ""
        lines.append(f"  mail {mail['rule']} about {mail['subject']}: {mail['state']} {_time(mail['at'])} UTC{why}")
    lines += _wishes(told)
    for letter in told["dead_letters"]:
        lines.append(f"  refused: {letter['reason']}" + (f" → {letter['remedy']}" if letter["remedy"] else ""))
    return lines


def _wishes(told: dict[str, Any]) -> list[str]:
    """What they agreed to, with the evidence, and why no mail goes to them any more."""
    lines = []
    if consent := told["consent"]:
        lines.append(f"  consent: {consent['why'] or 'lists and mail'}")
        for each in consent["answers"]:
            said = f"“{each['question']}”: “{each['answer']}” ({each['decision']})"
            lines.append(f"    {_time(each['at'])} UTC, {each['subject']}, {said}")
        if consent["double_opt_in"]:
            lines.append(f"    asked by Brevo's double opt-in: {consent['double_opt_in']}")
    return lines + [
        f"  suppressed since {_time(each['at'])} UTC: {each['reason']} ({each['source']}: {each['evidence']})"
        for each in told["suppressed"]
    ]


def _session(each: dict[str, Any]) -> list[str]:
    lines = [f"  {each['kind']} “{each['topic']}”, {_time(each['start'])} UTC ({each['readiness']})"]
    if each["registered_at"]:
        source = f" through “{each['source']}”" if each["source"] else ""
        lines.append(f"    registered {_time(each['registered_at'])} UTC{source}")
    stays = ", ".join(f"{_clock(join)}–{_clock(leave)}" for join, leave in each["stays"])
    if stays:
        minutes, held = each["present_s"] / 60, each["held_s"] / 60
        lines.append(
            f"    was there {stays}: {minutes:.1f} of {held:.1f} min, {counted(each['joins'], 'join')}{_did(each)}"
        )
    if score := each["score"]:
        parts = ", ".join(f"{word} {points} of {most}" for word, points, most in score["reasons"])
        lines.append(f"    score {score['value']}: {parts} (version {score['version']})")
    excluded = f", left out as {each['excluded']}" if each["excluded"] else ""
    return [*lines, f"    outcome: {each['outcome']}{excluded}"]


def _did(each: dict[str, Any]) -> str:
    """What somebody did beside being there."""
    said = ", left early" if each["left_early"] else ""
    for name, one in (("polls_answered", "poll"), ("questions_asked", "question")):
        if count := each[name]:
            said += f", {counted(count, one)} {name.partition('_')[2]}"
    return said


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text):%H:%M:%S}"
