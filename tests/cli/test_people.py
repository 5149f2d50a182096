"""`tajo people`: who was there under a name only is found, accepted or rejected, and everything follows from it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.simulators.world import Stage
from tajo.store import notes
from tajo.store.database import Database
from tajo.workflows.services import CONNECTED

NOW = datetime.now(UTC)
LEE = "jane.lee@mail.example"


@pytest.fixture
def here(desk: Callable[..., Any]) -> Any:
    """Three registered, Kim came. "Lee, Jane" is a guest in the webinar, and "iPhone" another one."""
    stage = Stage(41, NOW)
    names = stage.names
    people = [
        names.person(email=email, first_name=first, last_name=last, phone="", country="US", zoom_id="")
        for email, first, last in (
            ("kim@mail.example", "Minsu", "Kim"),
            (LEE, "Jane", "Lee"),
            ("park@mail.example", "Ada", "Park"),
        )
    ]
    # Where registration is not required a guest may be a registrant who did not use the link.
    webinar = stage.webinar("Spring", start=NOW - timedelta(hours=20))
    for person in people:
        webinar.register(person)
    held = webinar.hold()
    held.come(people[0], 0, 60, registrant_id="")
    guest = names.person(zoom_id="", email="nobody@mail.example")
    held.come(guest, 5, 25, name="Lee, Jane", email="", registrant_id="")
    held.come(guest, 30, 45, name="lee, jane", email="", registrant_id="")
    held.come(names.person(zoom_id="", email="phone@mail.example"), 0, 10, name="iPhone", email="", registrant_id="")
    made = desk(stage.world())
    made.configure(connectors__zoom__lists={"webinar_attendees": 16, "webinar_registrants": 17})
    connected_long_ago(made)
    ran = made.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    return made


def connected_long_ago(here: Any) -> None:
    database = Database(f"sqlite:///{here.folder / 'tajo.db'}")
    database.migrate()
    database.write_now(notes.put, CONNECTED, (NOW - timedelta(days=30)).isoformat())
    database.close()


def groups(here: Any) -> dict[str, Any]:
    return {each["name"].lower(): each for each in here.tajo("people", "review", "--json").json}


def status(here: Any, email: str) -> Any:
    return here.brevo.contacts[email].attributes.get("ATTENDANCE_STATUS")


def test_they_are_listed_with_likely_registrants(here: Any) -> None:
    lee, phone = groups(here)["lee, jane"], groups(here)["iphone"]
    assert [each["email"] for each in lee["suggestions"]] == [LEE]
    assert lee["suggestions"][0]["confidence"] == "same name"
    assert (lee["rows"], lee["minutes"], lee["why"]) == (2, 35.0, "name_only")
    assert phone["suggestions"] == []
    out = here.tajo("people", "review").out
    assert f"same name: {LEE} (Jane Lee)" in out
    assert "no registrant who was not there has a name like it" in out
    session = str(here.zoom.world.of_kind("webinar")[0].id)
    assert len(here.tajo("people", "review", "--session", session, "--json").json) == 2
    assert here.tajo("people", "review", "--session", "1", "--json").json == []


def test_accepting_is_a_correction(here: Any) -> None:
    """Roster, list and attributes follow; no event is sent, then or later; a later sync keeps it."""
    assert status(here, LEE) == "unknown"
    ran = here.tajo("people", "accept", groups(here)["lee, jane"]["id"], LEE.upper())
    assert ran.code == 0, ran.err
    assert "1 changed" in ran.out
    assert status(here, LEE) == "attended"
    assert here.brevo.contacts[LEE].list_ids == {16, 17}
    assert "35.0 of 60.0 min, 2 joins" in here.tajo("why", LEE).out
    assert list(groups(here)) == ["iphone"]
    assert here.brevo.events == []
    written = len(here.writes)
    assert here.tajo("sync", "zoom", "--json").json["in_review"] == 1
    assert status(here, LEE) == "attended"
    assert len(here.writes) == written


def test_whom_a_decision_makes_an_absentee_is_not_told(here: Any) -> None:
    """With both guests explained Park is a no-show: in Brevo, and in no event, not even with --with-events."""
    ids = {name: each["id"] for name, each in groups(here).items()}
    here.tajo("people", "accept", ids["lee, jane"], LEE)
    assert status(here, "park@mail.example") == "unknown"
    ran = here.tajo("people", "reject", ids["iphone"])
    assert ran.code == 0, ran.err
    assert "nobody's here" in ran.out
    assert status(here, "park@mail.example") == "no_show"
    assert groups(here) == {}
    assert here.tajo("sync", "zoom", "--with-events", "--no-input").code == 0
    told = {(each.name, each.identifiers["email_id"]) for each in here.brevo.events}
    assert ("zoom_webinar_attended", LEE) in told
    assert not [name for name, email in told if email == "park@mail.example"]


def test_rules_for_absentees_do_not_mean_whom_a_decision_makes_one(here: Any) -> None:
    """Their place is taken, so that no sweep plans the mail; a recording for everybody still reaches them."""
    here.brevo.add_template(12)
    here.configure(
        follow_ups=[
            {"name": "missed", "when": "webinar.no_show", "send": {"template": 12}},
            {"name": "replay", "when": "recording.ready", "to": ["no_show"], "send": {"template": 12}},
            {"name": "all", "when": "recording.ready", "to": ["attended", "no_show"], "send": {"template": 12}},
        ]
    )
    ids = {name: each["id"] for name, each in groups(here).items()}
    here.tajo("people", "accept", ids["lee, jane"], LEE)
    assert here.tajo("follow-ups", "list", "--json").json["sessions"] == []
    assert here.tajo("people", "reject", ids["iphone"]).code == 0
    listed = {each["rule"]: each["mails"] for each in here.tajo("follow-ups", "list", "--json").json["sessions"]}
    assert listed == {"missed": {"cancelled": 1}, "replay": {"cancelled": 1}}
    assert "a decision in review made them an absentee" in here.tajo("why", "park@mail.example").out


def test_a_decision_is_changed_by_another(here: Any) -> None:
    key = groups(here)["lee, jane"]["id"]
    here.tajo("people", "accept", key, "park@mail.example")
    assert (status(here, LEE), status(here, "park@mail.example")) == ("unknown", "attended")
    ran = here.tajo("people", "accept", key, LEE, "--json")
    assert (ran.json["changed"], ran.json["done_by"]) == (2, "command")
    assert (status(here, LEE), status(here, "park@mail.example")) == ("attended", "unknown")
    assert 16 not in here.brevo.contacts["park@mail.example"].list_ids


def test_somebody_who_had_not_registered_is_created(here: Any) -> None:
    ran = here.tajo("people", "accept", groups(here)["iphone"]["id"], "new@mail.example")
    assert "1 created" in ran.out
    assert status(here, "new@mail.example") == "attended"


def test_what_cannot_be_decided(here: Any) -> None:
    key = groups(here)["iphone"]["id"]
    assert here.tajo("people", "accept", key, "no address").code == 2
    assert here.tajo("people", "accept", "0123456789", LEE).code == 1
    assert here.tajo("people", "reject", "0123456789").code == 1
    here.tajo("erase", LEE, "--yes")
    ran = here.tajo("people", "accept", key, LEE)
    assert ran.code == 2
    assert "was erased" in ran.error


def test_nobody_is_in_review(desk: Callable[..., Any]) -> None:
    assert desk().tajo("people", "review").out == "nobody is in review\n"


@contextmanager
def serving(here: Any) -> Iterator[None]:
    """`tajo serve`, until its first sweep is over."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here.configure(
        connectors__zoom__webhook={"secret_token": "hush"},
        connectors__zoom__schedule="0 0 1 1 *",
        server={"port": port},
    )
    with (here.folder / "serve.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tajo.cli.main", "serve"], cwd=here.folder, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while "sweep.done" not in (here.folder / "serve.log").read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (here.folder / "serve.log").read_text()


def test_beside_a_service_the_service_does_it(here: Any) -> None:
    """Kim's outcome was told; what the decisions make of Lee and Park is told to nobody."""
    with serving(here):
        assert here.process("sync", "zoom", "--with-events", "--no-input").code == 0
        before = [(each.name, each.identifiers["email_id"]) for each in here.brevo.events]
        assert ("zoom_webinar_attended", "kim@mail.example") in before
        ids = {name: each["id"] for name, each in groups(here).items()}
        ran = here.process("people", "accept", ids["lee, jane"], LEE)
        assert ran.code == 0, ran.err
        assert "1 changed (the running service did it)" in ran.out
        ran = here.process("people", "reject", ids["iphone"])
        assert (status(here, LEE), status(here, "park@mail.example")) == ("attended", "no_show")
        assert here.process("erase", LEE, "--yes", "--json").json["unreadable"] is True
        assert [(each.name, each.identifiers["email_id"]) for each in here.brevo.events] == before
    log = (here.folder / "serve.log").read_text()
    assert not [each for each in (LEE, "Lee", "Jane", "iPhone") if each in log]
