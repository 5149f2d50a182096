"""Brevo is away while people register: the service waits, and drains by itself when Brevo is back. In real time."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve
from tajo.simulators.world import live_webinar
from tajo.simulators.zoom import ZoomSimulator
from tajo.simulators.zoom.webhooks import WebhookSender, WebhookSwitches, events_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]

AWAY_S = float(os.environ.get("TAJO_TEST_AWAY_S", "6"))  # `python -m benchmarks live_outage`: 60 s, 3,000 people
PEOPLE = int(os.environ.get("TAJO_TEST_PEOPLE", "300"))
SECRET = "test-secret-token"
LISTS = {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17}


async def test_registrations_reach_brevo_after_an_outage(live_service: Callable[[Path], Any], tmp_path: Path) -> None:
    """Every fifth of 300 registers while Brevo answers 503; the others did before, and are found with them."""
    now = datetime.now(UTC).replace(microsecond=0)
    live = live_webinar(5, now=now, registrants=PEOPLE, attendees=2, starts_in=timedelta(hours=2))
    zoom = ZoomSimulator(live.after)
    brevo = BrevoSimulator(switches=BrevoSwitches.loosest(import_queued_s=0.2, import_working_s=0.2))
    for id_ in LISTS.values():
        brevo.add_list(id_, f"list {id_}")
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    service = live_service(tmp_path)
    with serve(zoom.app) as zoom_url, serve(brevo.app) as brevo_url:
        names = ("account_id", "client_id", "client_secret")
        access = {name: getattr(zoom, name) for name in names}
        urls = {"api_url": f"{zoom_url}/v2", "oauth_url": f"{zoom_url}/oauth"}
        service.configure(
            zoom={**access, **urls, "lists": LISTS}, brevo={"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"}
        )
        await asyncio.to_thread(service.start)
        brevo.faults.order(Fault.respond(503), times=None)
        sender = WebhookSender(zoom, url=service.url, secret=SECRET, switches=WebhookSwitches(concurrency=8))
        session = live.after.sessions[live.truth.session_id]
        registered = [event for event in events_of(live.after, session) if "registration" in event.name]
        sent = await sender.send_all(registered)
        assert {each.outcome for each in sent} == {"delivered"}
        await asyncio.sleep(AWAY_S)
        assert not brevo.contacts
        brevo.faults.clear()
        await _quiet(service)
        assert await asyncio.to_thread(service.stop) == 0
    everybody = {str(person.email) for person in live.truth.people if not person.staff}
    assert len(everybody) == PEOPLE
    assert {email for email, each in brevo.contacts.items() if 17 in each.list_ids} == everybody
    told = Counter(each.identifiers["email_id"] for each in brevo.events if each.name == "zoom_webinar_registered")
    assert set(told.values()) == {1}
    soon = {each.body["payload"]["object"]["registrant"]["email"].lower() for each in registered if each.at >= now}
    assert soon <= set(told)
    assert brevo.calls.count(status=429) <= 1
    assert service.main("SELECT subject, reason FROM dead_letters WHERE resolved_at IS NULL") == []
    assert service.main("SELECT count(*) FROM effects WHERE state <> 'sent'") == [(0,)]
    assert "Traceback" not in service.log()


ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}


async def _quiet(service: Any) -> None:
    """Until nothing waits and nothing is being done, twice in a row; an attempt may be a minute away."""
    give_up, calm = asyncio.get_running_loop().time() + 240, 0
    while calm < 2:
        calm = 0 if service.busy() else calm + 1
        assert asyncio.get_running_loop().time() < give_up, service.log()
        await asyncio.sleep(0.3)
