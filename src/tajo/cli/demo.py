"""`tajo demo`"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain, print_json, shared

if TYPE_CHECKING:
    from tajo.simulators.brevo import BrevoSimulator
    from tajo.simulators.zoom import ZoomSimulator

LISTS = {15: "Meeting participants", 16: "Webinar attendees", 17: "Webinar registrants"}


@click.command("demo")
@click.option("--seed", default=7, show_default=True, help="Which people and sessions.")
@shared
def command(seed: int, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Show it all: a month of simulated sessions, synced and explained, then a live webinar. Needs no account.

    Everything happens on this machine and in a temporary folder.
    """
    del config_path, no_input
    import anyio

    from tajo.cli.demo_live import show_live
    from tajo.simulators.brevo import BrevoSimulator
    from tajo.simulators.serve import serve
    from tajo.simulators.world import month
    from tajo.simulators.zoom import ZoomSimulator

    zoom = ZoomSimulator(month(seed, now=datetime.now(UTC)))
    brevo = BrevoSimulator()
    for id_, name in LISTS.items():
        brevo.add_list(id_, name)
    began = time.monotonic()
    with serve(zoom.app) as zoom_url, serve(brevo.app) as brevo_url, tempfile.TemporaryDirectory() as folder:
        demo = Demo(zoom, brevo, _configuration(zoom, zoom_url, brevo_url, Path(folder)))
        summary = demo.run(quiet=as_json)
    if not as_json:
        _heading("A live webinar through the service, in fast time")
    with tempfile.TemporaryDirectory() as folder:
        live = anyio.run(partial(show_live, seed, Path(folder), _configuration, quiet=as_json))
    if as_json:
        print_json({name: value for name, value in summary.items() if name != "writes"} | {"live": live})
    else:
        click.echo(f"\n{time.monotonic() - began:.0f} s in all. Next: `tajo init`, then `tajo check`.")
    return 0


def _configuration(zoom: ZoomSimulator, zoom_url: str, brevo_url: str, folder: Path) -> dict[str, Any]:
    return {
        "connectors": {
            "zoom": {
                "account_id": zoom.account_id,
                "client_id": zoom.client_id,
                "client_secret": zoom.client_secret,
                "lists": {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17},
                "api_url": f"{zoom_url}/v2",
                "oauth_url": f"{zoom_url}/oauth",
            }
        },
        "brevo": {"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"},
        "database_url": f"sqlite:///{folder / 'tajo.db'}",
    }


class Demo:
    """One run of the demonstration: connect, sync, then show what is in Brevo, and why."""

    def __init__(self, zoom: ZoomSimulator, brevo: BrevoSimulator, configuration: dict[str, Any]) -> None:
        self.zoom = zoom
        self.brevo = brevo
        self.configuration = configuration

    def run(self, *, quiet: bool) -> dict[str, Any]:
        import anyio

        from tajo import app
        from tajo.cli.sync import show
        from tajo.config.load import from_mapping

        config = from_mapping(self.configuration, env={})
        database = app.open_database(config)
        try:
            summary = anyio.run(self._sync, config, database)
            if not quiet:
                _heading("What the sync did")
                show(summary)
                self._contacts()
                self._stories(database)
                self._costs(summary)
        finally:
            database.close()
        return summary

    async def _sync(self, config: Any, database: Any) -> dict[str, Any]:
        from tajo import app
        from tajo.cli.display import Bars, console
        from tajo.core.errors import TajoError
        from tajo.workflows import connecting
        from tajo.workflows.request import carry_out, read_request
        from tajo.workflows.services import utc_now

        request = read_request(since="32d", until=None, now=utc_now())
        with Bars(console(stderr=True)) as bars:
            async with app.services(config, database, progress=bars) as services:
                await connecting.connect(services)
                summary = await carry_out(services, request, told=click.echo)
        if "problem" in summary:
            raise TajoError(summary["problem"]["message"], origin=summary["problem"]["origin"])
        return summary | {"calls": dict(bars.calls), "limited": dict(bars.limited)}

    def _contacts(self) -> None:
        from rich.markup import escape
        from rich.table import Table

        from tajo.cli.display import console

        contacts = self.brevo.contacts.values()
        _heading("What is in Brevo now")
        on = Counter(list_id for contact in contacts for list_id in contact.list_ids)
        click.echo(f"{len(contacts)} contacts; " + ", ".join(f"{LISTS[id_]}: {on[id_]}" for id_ in LISTS))
        statuses = Counter(str(contact.attributes.get("ATTENDANCE_STATUS")) for contact in contacts)
        click.echo("latest outcome: " + ", ".join(f"{status} {count}" for status, count in statuses.most_common()))
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("e-mail", "name", "outcome", "minutes", "webinar", "lists"):
            table.add_column(name)
        for contact in sorted(contacts, key=lambda c: c.email)[:: max(1, len(contacts) // 8)]:
            values = contact.attributes
            cells = (
                contact.email,
                f"{values.get('FIRSTNAME', '')} {values.get('LASTNAME', '')}".strip(),
                values.get("ATTENDANCE_STATUS", ""),
                f"{float(values.get('MEETING_DURATION', 0)) / 60:.0f}",
                values.get("WEBINAR_NAME", ""),
                ", ".join(str(id_) for id_ in sorted(contact.list_ids)),
            )
            table.add_row(*(escape(plain(str(cell))) for cell in cells))
        console().print(table)

    def _stories(self, database: Any) -> None:
        """Three people worth explaining: who came back, who never came, whose rows nobody could tell apart."""
        from tajo.cli.why import narrate
        from tajo.core.fields import Terms
        from tajo.workflows.stories import story

        _heading("Three stories (`tajo why EMAIL`)")
        for email in database.read_now(_worth_telling):
            told = database.read_now(story, email, Terms())
            for line in narrate(told):
                click.echo(plain(line))

    def _costs(self, summary: dict[str, Any]) -> None:
        world = self.zoom.world
        rows = sum(1 for _, instance in world.instances() for row in instance.rows if row.email)
        brevo = sum(count for name, count in summary["calls"].items() if name.startswith("brevo."))
        _heading("What it took")
        click.echo(f"{brevo} calls to Brevo, connecting included. A call a participant row would have been {rows},")
        click.echo("without registrants and no-shows, and with the minutes of the last row instead of all of them.")


def _worth_telling(connection: Any) -> list[str]:
    import sqlalchemy as sa

    from tajo.store.tables import roster

    came_back = sa.select(roster.c.email).where(roster.c.joins > 2, roster.c.excluded == "").limit(1)
    absent = sa.select(roster.c.email).where(roster.c.outcome == "no_show", roster.c.source != "").limit(1)
    left_out = sa.select(roster.c.email).where(roster.c.excluded == "panelist").limit(1)
    found = [connection.execute(each.order_by(roster.c.email)).scalar() for each in (came_back, absent, left_out)]
    return [email for email in found if email]


def _heading(text: str) -> None:
    click.echo()
    click.echo(click.style(text, bold=True))
