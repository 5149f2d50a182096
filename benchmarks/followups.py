"""The follow-ups of one large session: how many calls, how long, and everybody once."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.product import Installation
from benchmarks.report import Section, at_least, at_most, told
from benchmarks.vendors import Account, Pair, Vendors, brevo_calls, forget, refused

MANY = (2_500, 2_000, 2_400)  # registrants, attendees, rows
FEW = (16, 10, 13)
RULE = {
    "name": "thanks",
    "when": "webinar.attended",
    "send": {"template": 12, "params": {"minutes": "duration_minutes", "title": "topic", "name": "first_name"}},
}


def measure(*, quick: bool = False) -> Section:
    registrants, attendees, rows = FEW if quick else MANY
    size = {"registrants": registrants, "attendees": attendees, "rows": rows}
    account = Account("webinar", {"seed": 1, "now": datetime.now(UTC), **size})
    with Vendors(account) as vendors, tempfile.TemporaryDirectory() as name:
        installation = Installation(Path(name), vendors)
        installation.connect()
        installation.sync()
        vendors.ask(add_template)
        _configure(Path(name) / "tajo.yml", lambda settings: settings.update(follow_ups=[RULE]))
        vendors.ask(forget)
        session = str(next(iter(account.world().sessions)))
        run = installation.run("follow-ups", "send", "thanks", session, "--yes")
        calls, mailed = vendors.ask(brevo_calls), vendors.ask(mails)
        vendors.ask(forget)
        again = installation.run("follow-ups", "send", "thanks", session, "--yes")
        twice = len(vendors.ask(mails) - mailed)
    section = Section("followups", f"{attendees:,} follow-up mails of one session")
    section.figures = [
        at_most("mail calls", sum(call.method == "POST" and call.path == "/smtp/email" for call in calls), 3),
        told("Brevo calls in all", len(calls)),
        at_most("seconds in all", run.seconds, 30, " s", digits=1),
        at_least("people with their mail", len(mailed), attendees),
        at_most("mails", mailed.total(), attendees),
        at_most("429s seen", refused(calls), 0),
        at_most("mails of the same command once more", twice, 0),
        told("seconds of that", again.seconds, " s", digits=1),
        told("peak memory", run.peak_mb, " MB"),
    ]
    section.notes = [
        "seconds are of the whole command `tajo follow-ups send`, start of Python and two readings of Brevo's flags "
        "(for what it shows, and before it sends) included",
    ]
    return section


def _configure(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    settings = json.loads(file.read_text())
    change(settings)
    file.write_text(json.dumps(settings))


def add_template(pair: Pair) -> None:
    pair.brevo.add_template(12)


def mails(pair: Pair) -> Counter[str]:
    """E-mail → mails so far."""
    return Counter(to for mail in pair.brevo.sent_mails for to in mail.to)
