"""Every line of the trouble tables is what `tajo` really says: the fault is ordered, the command run, the text found.

`…` in a documented text stands for what differs from case to case.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage
from tajo.simulators.zoom import ZoomSwitches
from tajo.workflows.request import preview, read_request

ROOT = Path(__file__).resolve().parents[2]
DAILY = "You have reached the maximum daily rate limit for this API."
PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."


# --- what is documented ---


def documented(page: str) -> dict[str, str]:
    """Text → exit code, from the tables under Troubleshooting: every line that begins with a quoted text."""
    section = (ROOT / page).read_text(encoding="utf-8")
    section = re.split(r"(?m)^## (?:Troubleshooting|문제 해결)\n", section)[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        match = re.match(r"\| (?P<ticks>`+)(?P<text>.+?)(?P=ticks) \| (?P<exit>\d+) \|", line)
        if match:
            found[match["text"].strip()] = match["exit"]
    return found


DOCUMENTED = documented("docs/zoom.md")


def says(output: str, text: str) -> bool:
    """Whether the output says the text, `…` being anything within its line; wrapped by nobody."""
    pattern = ".*?".join(re.escape(part) for part in text.split("…"))
    return re.search(pattern, output) is not None


# --- how each comes about ---


@dataclass(frozen=True, slots=True)
class Trouble:
    """A documented text, what to do before, and the commands to type; the last one has to say it."""

    text: str
    arrange: Callable[[Any], object]
    commands: tuple[str, ...] = ("sync zoom",)


def refusal(status: int, code: int, message: str, **headers: str) -> Fault:
    body = json.dumps({"code": code, "message": message}).encode()
    return Fault.respond(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def brevo_refusal(status: int, code: str, message: str, **headers: str) -> Fault:
    body = json.dumps({"code": code, "message": message}).encode()
    return Fault.respond(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def zoom(fault: Fault, match: str, times: int | None = None) -> Callable[[Any], object]:
    return lambda office: office.zoom.faults.order(fault, match, times=times)


def brevo(fault: Fault, match: str, times: int | None = None) -> Callable[[Any], object]:
    return lambda office: office.brevo.faults.order(fault, match, times=times)


def setting(old: str, new: str) -> Callable[[Any], object]:
    """Change the text of tajo.yml."""

    def edit(office: Any) -> None:
        path = office.folder / "tajo.yml"
        before = path.read_text(encoding="utf-8")
        assert old in before
        path.write_text(before.replace(old, new), encoding="utf-8")

    return edit


def variable(name: str, value: str) -> Callable[[Any], object]:
    return lambda office: office.setenv(name, value)


def nothing(office: Any) -> None:
    """All is well."""


def just_ended(office: Any) -> None:
    """A webinar of which the end is ten minutes ago, and a meeting that goes on."""
    stage = Stage(5, office.now)
    webinar = stage.webinar("Just now", start=stage.now - timedelta(minutes=70), minutes=60)
    person = stage.names.person(email="ana@example.com")
    webinar.register(person)
    webinar.hold().come(person, 1, 50)
    meeting = stage.meeting("Still on", start=stage.now - timedelta(minutes=20), minutes=60)
    meeting.hold().come(person, 0, 40)
    office.zoom.world = stage.world()


def phones(office: Any) -> None:
    """One invalid number, and one that two people share."""
    setting("brevo:", "field_mapping: {first_name: FIRSTNAME, phone: SMS}\nbrevo:")(office)
    stage = Stage(5, office.now)
    webinar = stage.webinar("Phones", start=stage.now - timedelta(hours=5), minutes=60)
    for name, number in (("ana", "call me"), ("ben", "+82 10-5550-1234"), ("chae", "+82 10 5550 1234")):
        webinar.register(stage.names.person(email=f"{name}@example.com", phone=number))
    webinar.hold()
    office.zoom.world = stage.world()


def cancels(office: Any) -> None:
    """Somebody registered for a coming webinar is synced, and gone the next time."""
    stage = Stage(5, office.now)
    plan = stage.webinar("Tomorrow", start=stage.now + timedelta(days=1), minutes=60)
    plan.register(stage.names.person(email="ana@example.com"))
    plan.register(stage.names.person(email="ben@example.com"))
    office.zoom.world = world = stage.world()
    assert office.run("sync", "zoom").code == 0
    (session,) = world.sessions.values()
    gone = replace(session.registrants[0], cancelled_at=office.now - timedelta(minutes=1))
    office.zoom.world = world.with_session(replace(session, registrants=(gone, session.registrants[1])))


def paused(office: Any) -> None:
    """A first run that was stopped by a limit."""
    office.zoom.faults.order(refusal(401, 124, "Invalid access token."), "GET /users", times=2)
    assert office.run("sync", "zoom").code == 4


def without_addon(office: Any) -> None:
    office.zoom.switches = ZoomSwitches(webinar_plan="nobody")


def on_free_plan(office: Any) -> None:
    office.zoom.plan = "free"


def holds_the_lock(office: Any) -> None:
    """Another process has the role: here the same one, by another handle."""
    handle = os.open(office.folder / "tajo.db.sync.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    office.stack.callback(os.close, handle)


def lacks(*scopes: str) -> Callable[[Any], object]:
    def arrange(office: Any) -> None:
        office.zoom.scopes = office.zoom.scopes - set(scopes)

    return arrange


TROUBLES = [
    Trouble(
        "…: Zoom refuses the access token (HTTP 401, …) — see that the Zoom app is activated and its client secret is"
        " the current one",
        zoom(refusal(401, 124, "Invalid access token."), "GET /users"),
        ("plan zoom",),
    ),
    Trouble(
        "still settling: … (sessions whose reports may change; sync again in a few minutes)", just_ended, ("plan zoom",)
    ),
    Trouble(
        "without a usable report: … (sessions whose absentees are unknown)",
        zoom(refusal(404, 3001, "Webinar ID is invalid or not end."), "GET /report/webinars/"),
        ("plan zoom",),
    ),
    Trouble(
        "in review: … (people whom Zoom shows without what identifies them; tajo people review lists them)",
        nothing,
        ("plan zoom",),
    ),
    Trouble(
        "…: Zoom's daily budget for heavy calls is used up until … UTC (HTTP 429, …) — other apps of the account share"
        " it; lower rate_share, or set plan to what the account has",
        zoom(refusal(429, 429, DAILY, x_ratelimit_type="Daily-limit"), "GET /report"),
        ("plan zoom",),
    ),
    Trouble(
        "…: the Zoom heavy limit is used up until … UTC — run the same command again then: it goes on where it stopped",
        zoom(refusal(429, 429, DAILY, retry_after="2100-01-01T00:00:00Z"), "GET /report", 1),
        ("plan zoom", "plan zoom"),
    ),
    # Access to Zoom
    Trouble(
        "zoom.token: Zoom does not know this client id with this client secret (HTTP 400, invalid_client) — compare"
        " client_id and client_secret with the app's page in the Zoom App Marketplace",
        variable("ZOOM_CLIENT_SECRET", "another"),
        ("plan zoom",),
    ),
    Trouble(
        "zoom.token: Zoom does not accept the account id for this app (HTTP 400, invalid_request) — compare account_id"
        " with the app's page in the Zoom App Marketplace; the app has to be a Server-to-Server one",
        variable("ZOOM_ACCOUNT_ID", "another"),
        ("plan zoom",),
    ),
    Trouble(
        "zoom.token: the Zoom app is not active (HTTP 400, invalid_client) — activate the app in the Zoom App"
        " Marketplace; an administrator may have disabled it",
        lambda office: office.zoom.deactivate(),
        ("plan zoom",),
    ),
    Trouble(
        "zoom.token: the Zoom app lacks the scopes … — add them on the app's page Scopes, then connect again: only new"
        " tokens carry them",
        lacks("report:read:list_meeting_participants:admin"),
        ("connectors connect zoom",),
    ),
    Trouble(
        "…: the Zoom app lacks the scope … (HTTP 400, Zoom code 4711, …) — add the scope … to the Zoom app, then run"
        " tajo check: only new tokens carry it",
        lacks("webinar:read:webinar:admin", "webinar:read:webinar"),
        ("plan zoom",),
    ),
    Trouble(
        "zoom.report.history: the account's plan has no such report (HTTP 400, Zoom code 200, …) — reports need Zoom's"
        " Pro plan or higher",
        on_free_plan,
        ("plan zoom",),
    ),
    Trouble(
        "…: the host has no webinar plan (HTTP 400, Zoom code 200, …) — give the host the webinar add-on, or set"
        " sync.webinars to false",
        without_addon,
        ("plan zoom",),
    ),
    Trouble(
        "zoom.meetings.details: Zoom knows no meeting … — check the number; one that is not used expires after 30 days",
        nothing,
        ("plan zoom --meeting 123",),
    ),
    # Access to Brevo
    Trouble(
        "…: Brevo does not know this API key — copy it again from https://app.brevo.com/settings/keys/api; an SMTP or"
        " MCP key is another thing",
        variable("BREVO_API_KEY", "xsmtpsib-another"),
        ("plan zoom",),
    ),
    Trouble(
        "…: Brevo does not accept calls from the IP address … — add it at https://app.brevo.com/security/authorised_ips",
        lambda office: office.brevo.block_ip(),
        ("plan zoom",),
    ),
    Trouble(
        "…: the Brevo API key has expired or was switched off — make a new one at"
        " https://app.brevo.com/settings/keys/api; a key unused for 90 days expires",
        brevo(brevo_refusal(401, "unauthorized", "API Key is expired"), ""),
        ("plan zoom",),
    ),
    Trouble(
        "…: Brevo's limit for … calls is used up until … UTC",
        brevo(brevo_refusal(429, "too_many_requests", "Too many requests", x_sib_ratelimit_reset="1800"), "POST"),
    ),
    Trouble(
        "…: Brevo refuses this: 400 …",
        brevo(brevo_refusal(400, "invalid_parameter", "Invalid email address"), "POST /contacts", 1),
        ("sync zoom", "connectors status zoom"),
    ),
    Trouble("field left out: SMS: not a valid phone number (…)", phones, ("plan zoom",)),
    Trouble("field left out: SMS: the number belongs to another contact (…)", phones, ("plan zoom",)),
    # Configuration
    Trouble(
        "tajo.yml: there is no such file — run tajo init to make one, or name one with --config",
        lambda office: (office.folder / "tajo.yml").unlink(),
    ),
    Trouble(
        "tajo.yml:3: connectors.zoom.account_id needs ZOOM_ACCOUNT_ID, which is not set — export it or put it in .env,"
        " or sign in as a user: `tajo connectors connect zoom --oauth`",
        variable("ZOOM_ACCOUNT_ID", ""),
    ),
    Trouble(
        "…: brevo.api_key needs BREVO_API_KEY, which is not set — export it or put it in .env",
        variable("BREVO_API_KEY", ""),
        ("plan zoom",),
    ),
    Trouble(
        "tajo.yml:3: connectors.zoom.accountid is no setting, did you mean account_id? — write account_id, or remove"
        " the line",
        setting("account_id:", "accountid:"),
    ),
    Trouble(
        "…: field_mapping.topics is no field, did you mean topic?",
        setting("brevo:", "field_mapping: {topics: TOPIC}\nbrevo:"),
    ),
    Trouble(
        "…: the Zoom connector is switched off — set connectors.zoom.enabled to true",
        setting("    lists:", "    enabled: false\n    lists:"),
    ),
    Trouble(
        "…: Brevo has no list 16, which lists.webinar_attendees names — write the number of an existing list, or a"
        " name: then Tajo creates it",
        lambda office: office.brevo.lists.pop(16),
        ("plan zoom",),
    ),
    Trouble(
        "…: Brevo has no attribute WEBINAR_NAME — run `tajo connectors connect zoom`, which creates what is missing, or"
        " correct field_mapping",
        lambda office: office.brevo.attributes.pop("WEBINAR_NAME"),
        ("plan zoom",),
    ),
    Trouble(
        "…: Brevo's attribute ATTENDANCE_STATUS is of the type boolean, and attendance_status is text — map"
        " attendance_status to another attribute, or delete ATTENDANCE_STATUS in Brevo and run `tajo connectors connect"
        " zoom`",
        lambda office: office.brevo.add_attribute("ATTENDANCE_STATUS", "boolean"),
        ("plan zoom",),
    ),
    # Sessions and people
    Trouble("nobody with the address … is on any roster or in the ledger", nothing, ("why nobody@example.com",)),
    Trouble(
        "Brevo: nothing written. left out everywhere: host",
        nothing,
        ("sync zoom", "why host@example.com"),
    ),
    Trouble("cancelled: … (registrations that are gone since the last sync)", cancels, ("plan zoom",)),
    # Runs
    Trouble(
        "database: another sync is running… — wait until it has finished; two at once would do the same work twice",
        holds_the_lock,
    ),
    Trouble("goes on with the run of … UTC (… to …)", paused),
    Trouble(
        "sync: since (…) is after until (…) — give the earlier day as since",
        nothing,
        ("sync zoom --since 2026-09-02 --until 2026-09-01",),
    ),
]
OUTAGE = "…: Zoom gave no answer for 60 s (last: …) — nothing is lost; the same command goes on from here"


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: each.text[:60])
def test_trouble_is_told_as_documented(trouble: Trouble, office: Any) -> None:
    """The text on stderr (or in the summary), and the exit code that stands beside it."""
    trouble.arrange(office)
    ran = [office.run(*command.split()) for command in trouble.commands][-1]
    assert says(ran.out + ran.err, trouble.text), ran
    if not trouble.commands[-1].startswith("connectors status"):
        assert str(ran.code) == DOCUMENTED[trouble.text], ran


@pytest.mark.anyio
async def test_an_outage_is_told_after_a_minute(simulators: Any, sqlite_database: Any, clock: Any) -> None:
    """On a clock that only waiting moves: 60 seconds of 502 and a proxy's page."""
    sims = simulators(Stage(1, clock.now).world())
    sims.zoom.faults.order(Fault.html(502), "GET /report", times=None)
    request = read_request(since="1d", until=None, now=clock.now)
    async with sims.services(sqlite_database) as services:
        summary = await preview(services, request)
    problem = summary["problem"]
    assert says(f"{problem['origin']}: {problem['message']} — {problem['hint']}", OUTAGE)
    assert str(problem["exit"]) == DOCUMENTED[OUTAGE]


def test_every_documented_trouble_is_proved() -> None:
    assert set(DOCUMENTED) == {trouble.text for trouble in TROUBLES} | {OUTAGE}


def test_both_languages_document_the_same_troubles() -> None:
    assert documented("docs/zoom.ko.md") == DOCUMENTED


# --- what the page's advice becomes: nobody has to do anything ---


def test_an_expired_token_is_replaced_without_a_word(office: Any) -> None:
    """The page's "refresh the token": one 401 on the way, and nobody hears of it."""
    office.zoom.faults.order(refusal(401, 124, "Access token is expired."), "GET /users", times=1)
    ran = office.run("plan", "zoom")
    assert ran.code == 0
    assert not ran.err
    assert office.zoom.calls.count(status=401) == 1


def test_a_limit_per_second_is_waited_out(office: Any) -> None:
    """The page's "exponential back-off": the refusal is counted, and everybody is there."""
    office.zoom.faults.order(refusal(429, 429, PER_SECOND), "GET /report/webinars", times=1)
    ran = office.run("plan", "zoom")
    assert ran.code == 0
    assert "1 refused by a limit" in ran.out
    assert "5 created" in ran.out


def test_an_overdue_session_calls_nobody_a_no_show(office: Any) -> None:
    """Five registrants, no report two hours after the end: five unknown."""
    office.zoom.faults.order(refusal(404, 3001, "not ready"), "GET /report/webinars/", times=None)
    planned = json.loads(office.run("plan", "zoom", "--json").out)
    statuses = [write["attributes"]["ATTENDANCE_STATUS"] for write in planned["writes"]]
    assert sorted(statuses) == ["attended", *["unknown"] * 4]


def test_a_refused_record_stops_nobody_else(office: Any) -> None:
    """One contact of five is refused: four are there, one is a dead letter, and the next sync mends it."""
    fault = brevo_refusal(400, "invalid_parameter", "Invalid email address")
    office.brevo.faults.order(fault, "POST /contacts", times=1)
    assert office.run("sync", "zoom").code == 6
    assert len(office.brevo.contacts) == 4
    assert office.run("sync", "zoom").code == 0
    assert len(office.brevo.contacts) == 5
    assert "dead letter" not in office.run("connectors", "status", "zoom").out
