"""The second half of `tajo demo`: a live webinar through the service, in fast time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain

if TYPE_CHECKING:
    from tajo.simulators.world import Live

FOLLOW_UPS: list[dict[str, Any]] = [
    {"name": "thanks", "when": "webinar.attended", "send": {"template": 12}},
    {"name": "replay", "when": "recording.ready", "to": ["no_show"], "send": {"template": 13}},
]
SECRET = "demo-secret-token"  # noqa: S105 - of the simulation
SPEED = 400.0  # seconds of the webinar in one
LINE_EVERY = timedelta(minutes=8)  # of the webinar
LONGEST_S = 30.0  # how long the end is waited for
LISTS = {15: "Meeting participants", 16: "Webinar attendees", 17: "Webinar registrants"}


async def show_live(seed: int, folder: Path, configuration: Callable[..., dict[str, Any]], *, quiet: bool) -> Any:
    """Play it and tell what arrives; {"webhooks", "seconds", "events": {name: count}}."""
    from tajo.simulators.brevo import BrevoSimulator
    from tajo.simulators.serve import serve
    from tajo.simulators.world import ShiftedClock, live_webinar
    from tajo.simulators.zoom import ZoomSimulator

    now = datetime.now(UTC)
    live = live_webinar(seed, now=now, registrants=40, attendees=26, cancelled=2)
    clock = ShiftedClock(now)
    zoom, brevo = ZoomSimulator(live.before, clock=clock), BrevoSimulator(clock=clock)
    for id_, name in LISTS.items():
        brevo.add_list(id_, name)
    for rule in FOLLOW_UPS:
        brevo.add_template(rule["send"]["template"], rule["name"])
    with serve(zoom.app) as zoom_url, serve(brevo.app) as brevo_url:
        show = _Show(live, clock, zoom, brevo, quiet=quiet)
        return await show.run(configuration(zoom, zoom_url, brevo_url, folder))


class _Show:
    def __init__(self, live: Live, clock: Any, zoom: Any, brevo: Any, *, quiet: bool) -> None:
        self.live, self.clock, self.zoom, self.brevo, self.quiet = live, clock, zoom, brevo, quiet
        self._shown: datetime | None = None

    async def run(self, settings: dict[str, Any]) -> dict[str, Any]:
        from tajo import app
        from tajo.config.load import from_mapping
        from tajo.simulators.serve import serve
        from tajo.store.inbox import Inbox
        from tajo.web.app import build
        from tajo.web.metrics import Metrics
        from tajo.workflows import connecting
        from tajo.workflows.engine import Engine
        from tajo.workflows.worker import Worker

        zoom = settings["connectors"]["zoom"]
        zoom["settle"] = {"after": "0s", "every": "1s"}
        zoom["webhook"] = {"secret_token": SECRET}
        settings["follow_ups"] = FOLLOW_UPS
        config = from_mapping(settings, env={})
        database = app.open_database(config)
        box = Inbox(app.open_inbox(config))
        web, _ = build(database, box, secrets=lambda: [SECRET], clock=self.clock, metrics=Metrics())
        try:
            with serve(web) as url:
                async with app.services(config, database, clock=self.clock) as services:
                    services.holder = "serve"
                    await connecting.connect(services)
                    async with Engine(database, "serve", services, live=True) as engine:
                        worker = Worker(services, engine, box.database, name="serve")
                        working = asyncio.create_task(worker.run())
                        try:
                            return await self._play(f"{url}/webhooks/zoom")
                        finally:
                            worker.stop.set()
                            await working
        finally:
            box.close()
            box.database.close()
            database.close()

    async def _play(self, url: str) -> dict[str, Any]:
        from tajo.simulators.zoom.webhooks import WebhookSender

        sender = WebhookSender(self.zoom, url=url, secret=SECRET)
        if not await sender.validate():
            raise click.ClickException("the service did not pass Zoom's validation")
        self._say("the service passed Zoom's validation; now people register, and the webinar takes place")
        began = asyncio.get_running_loop().time()
        self.zoom.world = self.live.after
        session = self.live.after.sessions[self.live.truth.session_id]
        await sender.play(session, speed=SPEED, since=self.live.before.now, move=self._move, longest_wait_s=1.0)
        self._line()
        self.clock.move(self.live.after.now)  # the report is complete two hours later
        await self._until_told()
        taken = asyncio.get_running_loop().time() - began
        return self._end(len(sender.deliveries), taken)

    def _move(self, to: datetime) -> None:
        self.clock.move(to)
        if self._shown is None or to - self._shown >= LINE_EVERY:
            self._shown = to
            self._line()

    def _line(self) -> None:
        """What is in Brevo at this moment of the webinar."""
        told = Counter(each.name.removeprefix("zoom_webinar_") for each in self.brevo.events)
        start = self.live.truth.start
        minute = round((self.clock() - start).total_seconds() / 60)
        when = f"{-minute:>3} min before" if minute < 0 else f"minute {minute:>3}    "
        events = ", ".join(f"{count} {plain(name)}" for name, count in sorted(told.items())) or "none yet"
        self._say(f"{when}  {len(self.brevo.contacts):>3} contacts   events: {events}")

    async def _until_told(self) -> None:
        """The outcomes of all, and the recording, have become events."""
        people = [each for each in self.live.truth.people if each.outcome in ("attended", "no_show") and not each.staff]
        give_up = asyncio.get_running_loop().time() + LONGEST_S
        while asyncio.get_running_loop().time() < give_up:
            told = Counter(each.name for each in self.brevo.events)
            if told["zoom_recording_ready"] >= len(people) <= sum(self._mailed().values()):
                return
            await asyncio.sleep(0.1)

    def _mailed(self) -> Counter[str]:
        """Rule → how many people have its mail; who had it twice would count twice."""
        return Counter(
            rule["name"] for mail in self.brevo.sent_mails for rule in FOLLOW_UPS if rule["name"] in mail.tags
        )

    def _end(self, webhooks: int, taken: float) -> dict[str, Any]:
        told = Counter(each.name for each in self.brevo.events)
        people = [each for each in self.live.truth.people if not each.staff]
        true = Counter(each.outcome for each in people)
        self._say("after the end, from Zoom's report:")
        self._line()
        attended, absent = told["zoom_webinar_attended"], told["zoom_webinar_no_show"]
        self._say(
            f"{webhooks} webhooks in {taken:.0f} s. Events: attended for {attended} people ({true['attended']} came), "
            f"no_show for {absent} ({true['no_show']} did not), recording_ready for {told['zoom_recording_ready']}"
        )
        mailed = self._mailed()
        self._say(f"follow-ups: thanks to {mailed['thanks']} who came, the recording to {mailed['replay']} who did not")
        return {"webhooks": webhooks, "seconds": round(taken, 1), "events": dict(told), "mails": dict(mailed)}

    def _say(self, text: str) -> None:
        if not self.quiet:
            click.echo(text)
