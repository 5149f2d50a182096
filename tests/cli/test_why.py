"""`tajo why`: everybody's story, and why nothing was written about somebody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tajo.simulators.faults import Fault


@pytest.fixture
def synced(desk: Callable[..., Any]) -> Any:
    here = desk()
    ran = here.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    return here


def test_an_attendee(synced: Any) -> None:
    """Two stays that overlap: 2 to 40, 38 minutes."""
    ran = synced.tajo("why", "kim@mail.example")
    assert ran.code == 0
    assert "webinar “봄 웨비나”" in ran.out
    assert "registered " in ran.out
    assert "38.0 of 60.0 min, 2 joins" in ran.out
    assert "outcome: attended" in ran.out
    assert "Brevo: written" in ran.out
    assert "ATTENDANCE_STATUS=attended" in ran.out
    assert "on lists: 16, 17" in ran.out


def test_an_address_as_people_type_it(synced: Any) -> None:
    ran = synced.tajo("why", "  KIM@Mail.Example ")
    assert ran.code == 0
    assert ran.out.startswith("kim@mail.example\n")


def test_somebody_who_did_not_come(synced: Any) -> None:
    ran = synced.tajo("why", "lee@mail.example")
    assert "outcome: no_show" in ran.out
    assert "was there" not in ran.out
    assert "on lists: 17" in ran.out


def test_a_panelist_is_left_out_and_told_so(synced: Any) -> None:
    ran = synced.tajo("why", "park@mail.example")
    assert ran.code == 0
    assert "left out as panelist" in ran.out
    assert "nothing written. left out everywhere: panelist" in ran.out


@pytest.mark.parametrize(("email", "outcome"), [("choi@mail.example", "denied"), ("jung@mail.example", "pending")])
def test_somebody_denied_or_waiting(email: str, outcome: str, synced: Any) -> None:
    ran = synced.tajo("why", email)
    assert ran.code == 0
    assert f"outcome: {outcome}" in ran.out
    assert f"nothing written. {outcome}" in ran.out


def test_somebody_still_to_come(synced: Any) -> None:
    ran = synced.tajo("why", "coming@mail.example")
    assert "outcome: registered" in ran.out
    assert "(coming)" in ran.out


def test_nobody_knows_them(synced: Any) -> None:
    """1, one remedy, nothing on stdout; null as JSON."""
    ran = synced.tajo("why", "who@mail.example")
    assert ran.code == 1
    assert ran.out == ""
    assert "who@mail.example" in ran.err
    assert "→" in ran.err
    assert synced.tajo("why", "who@mail.example", "--json").json is None


def test_the_events_that_were_sent(synced: Any) -> None:
    assert "Brevo event" not in synced.tajo("why", "kim@mail.example").out
    assert synced.tajo("sync", "zoom", "--with-events", "--no-input").code == 0
    ran = synced.tajo("why", "kim@mail.example")
    assert "  Brevo event zoom_webinar_attended: sent 20" in ran.out
    told = synced.tajo("why", "kim@mail.example", "--json").json["events"]
    assert {"zoom_webinar_attended"} <= {each["name"] for each in told}
    assert {each["state"] for each in told} == {"sent"}


def test_somebody_whom_brevo_refused(desk: Any) -> None:
    here = desk()
    refusal = b'{"code":"invalid_parameter","message":"Invalid email address"}'
    here.brevo.faults.order(Fault.respond(400, refusal), "POST /contacts", times=None)
    here.tajo("sync", "zoom")
    ran = here.tajo("why", "kim@mail.example")
    assert ran.code == 0
    assert "refused: " in ran.out
    assert "Invalid email address" in ran.out
    assert "Brevo: nothing written" in ran.out


def test_before_the_first_sync_nothing_is_made(desk: Any) -> None:
    """No database springs into being because somebody looked."""
    here = desk()
    files = here.files()
    assert here.tajo("why", "kim@mail.example").code == 1
    assert here.tajo("connectors", "status", "zoom").code == 0
    assert here.tajo("connectors", "list").code == 0
    assert here.tajo("check").code == 0
    assert here.files() == files


def test_it_works_without_any_network_or_secret(synced: Any) -> None:
    """The story is in the database: neither vendor is asked."""
    synced.configure(**{"connectors.zoom.client_secret": None, "brevo.api_key": None})
    calls = len(synced.zoom.calls), len(synced.brevo.calls)
    assert synced.tajo("why", "kim@mail.example").code == 0
    assert synced.tajo("connectors", "status", "zoom").code == 0
    assert (len(synced.zoom.calls), len(synced.brevo.calls)) == calls


def test_what_somebody_wants_of_us(desk: Any) -> None:
    """Consent by policy, and that they opted out in Brevo: both told, in words and as JSON."""
    here = desk()
    here.configure(consent={"question": "News?", "on_missing": "contact_only"})
    here.brevo.add_contact("kim@mail.example", email_blacklisted=True)
    ran = here.tajo("sync", "zoom")
    assert "held back: suppressed: blocklisted in Brevo (1 person)" in ran.out + ran.err
    assert "held back: no consent: no answer" in ran.out + ran.err
    told = here.tajo("why", "kim@mail.example")
    assert "on lists: none of ours" in told.out
    assert "consent: no consent: no answer" in told.out
    assert "blocklisted in Brevo (poll: emailBlacklisted)" in told.out
    told = here.tajo("why", "kim@mail.example", "--json").json
    assert [each["reason"] for each in told["suppressed"]] == ["blocklisted in Brevo"]
    assert told["consent"]["mails"] is False


def test_of_whom_nothing_is_written_for_lack_of_consent(desk: Any) -> None:
    here = desk()
    here.configure(consent={"question": "News?", "on_missing": "skip"})
    here.tajo("sync", "zoom")
    assert dict(here.brevo.contacts) == {}
    told = here.tajo("why", "kim@mail.example")
    assert "Brevo: nothing written. no consent: no answer, nothing is written" in told.out
    plan = here.tajo("plan", "zoom")
    assert "left out" in plan.out
