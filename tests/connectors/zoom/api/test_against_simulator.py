"""Every call against the simulated Zoom: what is read is what the invented world holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tajo.connectors.zoom.api import meetings, past, recordings, reports, users, webinars
from tajo.connectors.zoom.api.auth import TokenSource
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.connectors.zoom.api.errors import (
    CapabilityMissing,
    NoRecording,
    NotReady,
    RateLimited,
    ScopeMissing,
    TooOld,
    WrongKind,
)
from tajo.connectors.zoom.api.scopes import SCOPES, is_granted, missing
from tajo.core.errors import ContractError, CredentialError, RejectedError, TransientError
from tajo.http import Call, Http
from tajo.simulators.faults import Fault
from tajo.simulators.world import Instance, Session, World, month, webinar
from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
MONTH = (date(2026, 8, 3), date(2026, 9, 1))
WORLD = month(now=NOW)


class Ticking:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Patient:
    """A budget that lets everything through until Zoom says 429, and then waits as told."""

    def __init__(self, clock: Ticking) -> None:
        self.clock = clock
        self.until: dict[str, datetime] = {}
        self.pushes: list[tuple[str, bool]] = []
        self.least: dict[str, int] = {}

    async def acquire(self, label: str) -> None:
        self.clock.now = max(self.clock.now, self.until.get(label, self.clock.now))

    async def push(self, label: str, until: datetime, *, daily: bool) -> None:
        self.pushes.append((label, daily))
        if not daily:
            self.until[label] = until

    async def saw_remaining(self, label: str, remaining: int) -> None:
        self.least[label] = min(remaining, self.least.get(label, remaining))


class Bench:
    """A simulator, a client on it, and what both keep."""

    def __init__(
        self, simulator: ZoomSimulator, clock: Ticking, client: ZoomClient, tokens: TokenSource, budget: Patient
    ) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client
        self.tokens = tokens
        self.budget = budget

    async def all(self, make: Callable[[str], Call[Any]]) -> list[Any]:
        """A whole listing as it comes, without folding rows."""
        return [item async for page in self.client.pages(make) for item in page.items]


@asynccontextmanager
async def bench(world: World = WORLD, *, plan: Any = "pro", **switches: Any) -> AsyncIterator[Bench]:
    clock = Ticking()
    simulator = ZoomSimulator(world, plan=plan, clock=clock, switches=ZoomSwitches(**switches))
    async with (
        Http("http://127.0.0.1/oauth", app=simulator.app) as oauth,
        Http("http://127.0.0.1/v2", app=simulator.app) as api,
    ):
        tokens = TokenSource(
            oauth,
            account_id=simulator.account_id,
            client_id=simulator.client_id,
            client_secret=simulator.client_secret,
            clock=clock,
        )
        budget = Patient(clock)
        client = ZoomClient(api, tokens, budget=budget, clock=clock, sleep=clock.sleep)
        yield Bench(simulator, clock, client, tokens, budget)


def past_instances(kind: Any, least_rows: int = 0) -> list[tuple[Session, Instance]]:
    return [
        (session, instance)
        for session, instance in WORLD.instances()
        if session.kind == kind and instance.end < NOW and len(instance.rows) >= least_rows
    ]


def people_in(instance: Instance) -> int:
    return len({row.registrant_id or row.participant_user_id or row.email or row.name for row in instance.rows})


async def test_every_row_of_every_instance_is_read() -> None:
    """UUIDs with "/" in front and "//" inside are among them; each row's times, ids and seconds are the world's."""
    async with bench() as b:
        for session, instance in list(WORLD.instances()):
            if people_in(instance) < 2 or instance.end > NOW:
                continue
            report = reports.webinar_participants if session.kind == "webinar" else reports.meeting_participants
            rows = await b.all(lambda token, r=report, u=instance.uuid: r(u, page_token=token))
            read = Counter(
                (
                    row.join_id,
                    row.name,
                    row.join_time,
                    row.leave_time,
                    row.duration_s,
                    row.registrant_id,
                    row.participant_user_id,
                    row.waiting,
                    row.breakout_id,
                    row.failover,
                )
                for row in rows
            )
            held = Counter(
                (
                    row.user_id,
                    row.name,
                    row.join,
                    row.leave,
                    row.duration_s,
                    row.registrant_id,
                    row.participant_user_id,
                    row.status == "in_waiting_room",
                    row.bo_mtg_id,
                    row.failover,
                )
                for row in instance.rows
            )
            assert read == held, instance.uuid


async def test_uuids_that_need_two_encodings_are_among_them() -> None:
    uuids = [instance.uuid for _, instance in WORLD.instances()]
    assert any(uuid.startswith("/") for uuid in uuids)
    assert any("//" in uuid[1:] for uuid in uuids)
    assert any("+" in uuid for uuid in uuids)


async def test_history_lists_every_ended_instance_of_the_account() -> None:
    async with bench() as b:
        rows = await b.client.collect(lambda t: reports.history(*MONTH, page_token=t), key=lambda row: row.uuid)
        read = {row.uuid: row for row in rows}
        first = datetime.combine(MONTH[0], datetime.min.time(), UTC)
        held = {i.uuid: (s, i) for s, i in WORLD.instances() if first <= i.end <= NOW}
        assert set(read) == set(held)
        for uuid, (session, instance) in held.items():
            row = read[uuid]
            assert (row.id, row.is_webinar, row.topic) == (str(session.id), session.kind == "webinar", session.topic)
            assert (row.start_time, row.end_time) == (instance.start, instance.end)
            assert row.host_email == session.host.email
            assert row.features.registration is session.has_registration
            assert row.features.record_to_cloud is (instance.recording is not None)


async def test_webinars_with_their_people() -> None:
    async with bench() as b:
        for session in WORLD.of_kind("webinar"):
            if session.deleted:
                continue
            key = str(session.id)
            details = await b.client.send(webinars.webinar(key))
            assert (details.id, details.topic, details.type) == (key, session.topic, session.type)
            assert (details.start_time, details.duration_min) == (session.start, session.minutes)
            assert (details.timezone, details.host_email) == (session.timezone, session.host.email)
            assert details.has_registration is session.has_registration
            assert details.alternative_hosts == session.alternative_hosts
            assert {o.id for o in details.occurrences} == {o.id for o in session.occurrences}
            for status in ("approved", "pending", "denied"):
                read = await b.client.collect(
                    lambda t, k=key, s=status: webinars.registrants(k, status=s, page_token=t),
                    key=lambda registrant: registrant.id,
                )
                held = [r for r in session.registrants if r.status == status and not gone(r)]
                assert {r.id: (r.email, r.answers, r.registered_at, r.phone, r.org) for r in read} == {
                    r.id: (r.email, r.custom_questions, r.create_time, r.phone, r.org) for r in held
                }
            panelists = await b.client.send(webinars.panelists(key))
            assert {p.email for p in panelists} == {p.email for p in session.panelists}
            sources = await b.client.send(webinars.tracking_sources(key))
            assert {(s.id, s.name) for s in sources} == {(s.id, s.name) for s in session.tracking_sources}
            for source in sources:
                read = await b.all(
                    lambda t, k=key, s=source.id: webinars.registrants(k, tracking_source_id=s, page_token=t)
                )
                held = [r for r in session.registrants if r.source_id == source.id and r.status == "approved"]
                assert {r.id for r in read} == {r.id for r in held if not gone(r)}


def gone(registrant: Any) -> bool:
    cancelled = registrant.cancelled_at is not None and registrant.cancelled_at <= NOW
    return cancelled or registrant.create_time > NOW


async def test_registrants_of_one_date() -> None:
    """Two dates of a series that people registered for one by one share some people but no registrations."""
    async with bench() as b:
        series = next(s for s in WORLD.of_kind("webinar") if s.registration_type == 2 and s.occurrences)
        seen: list[set[str]] = []
        for occurrence in series.occurrences:
            read = await b.all(
                lambda t, o=occurrence.id: webinars.registrants(str(series.id), occurrence_id=o, page_token=t)
            )
            held = {r.id for r in series.registrants if not r.occurrence_ids or occurrence.id in r.occurrence_ids}
            assert {r.id for r in read} == held
            seen.append(held)
        assert not seen[0] & seen[1]


async def test_forms_of_registration() -> None:
    async with bench() as b:
        asking = next(s for s in WORLD.of_kind("webinar") if s.questions)
        form = await b.client.send(webinars.registration_questions(str(asking.id)))
        assert [(q.title, q.type, q.choices) for q in form.custom] == [
            (q.title, q.type, q.answers) for q in asking.questions
        ]
        open_doors = next(s for s in WORLD.of_kind("webinar") if not s.has_registration)
        with pytest.raises(WrongKind):
            await b.client.send(webinars.registration_questions(str(open_doors.id)))


async def test_absentees_are_registrants_who_were_not_there() -> None:
    async with bench() as b:
        session, instance = past_instances("webinar")[0]
        read = await b.all(lambda t: webinars.absentees(instance.uuid, page_token=t))
        came = {row.registrant_id for row in instance.rows}
        assert read
        assert not {r.id for r in read} & came
        assert {r.id for r in read} <= {r.id for r in session.registrants}
        _, nobody_registered = next((s, i) for s, i in past_instances("webinar") if not s.has_registration)
        with pytest.raises(WrongKind):
            await b.client.send(webinars.absentees(nobody_registered.uuid))


async def test_meetings_with_their_registrants() -> None:
    async with bench() as b:
        for session in WORLD.of_kind("meeting"):
            if session.deleted:
                continue
            key = str(session.id)
            try:
                details = await b.client.send(meetings.meeting(key))
            except NotReady:
                assert session.type == 1 or session.last_end is None or session.last_end < NOW - timedelta(days=30)
                continue
            assert (details.id, details.topic, details.type) == (key, session.topic, session.type)
            assert details.has_registration is session.has_registration
            if session.has_registration:
                read = await b.all(lambda t, k=key: meetings.registrants(k, page_token=t))
                held = [r for r in session.registrants if r.status == "approved" and not gone(r)]
                assert {r.id for r in read} == {r.id for r in held}
                await b.client.send(meetings.registration_questions(key))


async def test_instances_by_id() -> None:
    async with bench() as b:
        for session in WORLD.sessions.values():
            call = past.webinar_instances if session.kind == "webinar" else past.meeting_instances
            held = {i.uuid: i.start for i in session.instances if i.end <= NOW}
            if not held or session.deleted:  # of a deleted id, which Zoom no longer knows, history tells
                continue
            read = await b.client.send(call(str(session.id)))
            assert {i.uuid: i.start_time for i in read} == held


async def test_one_instance_by_uuid() -> None:
    async with bench() as b:
        for session, instance in past_instances("meeting"):
            for call in (past.past_meeting, reports.meeting):
                held = await b.client.send(call(instance.uuid))
                assert (held.uuid, held.id) == (instance.uuid, str(session.id))
                assert (held.start_time, held.end_time) == (instance.start, instance.end)
                assert held.host_email == session.host.email
        for session, instance in past_instances("webinar"):
            held = await b.client.send(reports.webinar(instance.uuid))
            assert (held.uuid, held.id, held.end_time) == (instance.uuid, str(session.id), instance.end)


async def test_past_participants_are_the_same_rows() -> None:
    async with bench(include_fields_on_past=True, webinar_time_fractions=True) as b:
        for kind, call in (("meeting", past.meeting_participants), ("webinar", past.webinar_participants)):
            _, instance = past_instances(kind, least_rows=10)[0]
            rows = await b.all(lambda t, c=call, u=instance.uuid: c(u, page_token=t))
            assert Counter((r.join_id, r.join_time, r.registrant_id) for r in rows) == Counter(
                (r.user_id, r.join, r.registrant_id) for r in instance.rows
            )
            assert all(row.internal_user is not None for row in rows)


async def test_users_and_their_lists() -> None:
    async with bench() as b:
        read = await b.client.collect(lambda t: users.list_users(page_token=t), key=lambda user: user.email)
        active = [user for user in WORLD.users if user.status == "active"]
        assert {(u.id, u.email, u.timezone, u.type) for u in read} == {
            (u.id, u.email, u.timezone, u.type) for u in active
        }
        found: set[str] = set()
        for user in active:
            assert (await b.client.send(users.user(user.id))).email == user.email
            await b.all(lambda t, u=user.id: users.user_meetings(u, page_token=t))
            call: Any = lambda t, u=user.id: users.user_webinars(u, listing="upcoming", page_token=t)  # noqa: E731
            if user.webinar_plan:
                found |= {listed.id for listed in await b.all(call)}
            else:
                with pytest.raises(CapabilityMissing, match="webinar plan"):
                    await b.all(call)
        coming = {str(s.id) for s in WORLD.of_kind("webinar") if s.last_end and s.last_end > NOW and not s.deleted}
        assert coming
        assert found >= coming


async def test_a_users_past_sessions() -> None:
    async with bench() as b:
        found: set[str] = set()
        for user in WORLD.users:
            for which in ("past", "pastOne"):
                if user.status == "active":
                    found |= {
                        row.uuid
                        for row in await b.all(
                            lambda t, u=user.id, w=which: reports.user_meetings(
                                u, *MONTH, participation=w, page_token=t
                            )
                        )
                    }
        first = datetime.combine(MONTH[0], datetime.min.time(), UTC)
        active = {u.id for u in WORLD.users if u.status == "active"}
        ended = {i.uuid for s, i in WORLD.instances() if i.start >= first and i.end <= NOW and s.host.id in active}
        assert found == ended


async def test_recordings_when_they_are_ready() -> None:
    async with bench() as b:
        for _, instance in WORLD.instances():
            if instance.end > NOW:
                continue
            if instance.recording and instance.recording.completed_at <= NOW:
                recording = await b.client.send(recordings.of_session(instance.uuid))
                assert recording.uuid == instance.uuid
                assert recording.files
                assert recording.passcode == instance.recording.passcode
            else:
                with pytest.raises(NoRecording):
                    await b.client.send(recordings.of_session(instance.uuid))
        ready = {i.uuid for _, i in WORLD.instances() if i.recording and i.recording.completed_at <= NOW}
        listed: set[str] = set()
        for user in WORLD.users:
            if user.status == "active":
                found = await b.all(lambda t, u=user.id: recordings.of_user(u, *MONTH, page_token=t))
                listed |= {recording.uuid for recording in found}
        assert listed == ready


async def test_other_ids_are_refused_as_what_they_are() -> None:
    async with bench() as b:
        webinar_id = str(WORLD.of_kind("webinar")[0].id)
        refused: list[tuple[Call[Any], type[RejectedError]]] = [
            (meetings.meeting(webinar_id), WrongKind),
            (meetings.registrants(webinar_id), WrongKind),
            (meetings.meeting("99999999999"), NotReady),
            (webinars.webinar("99999999999"), NotReady),
            (past.past_meeting("AAAAAAAAAAAAAAAAAAAAAA=="), NotReady),
            (reports.webinar_participants("//AAAAAAAAAAAAAAAAAAAA=="), NotReady),
            (recordings.of_session("AAAAAAAAAAAAAAAAAAAAAA=="), NoRecording),
            (users.user("nobody@corp.example"), RejectedError),
        ]
        for call, kind in refused:
            with pytest.raises(kind) as caught:
                await b.client.send(call)
            assert type(caught.value) is kind, call.origin
            assert "tracking id v=2.0;" in caught.value.message


async def test_reports_that_are_not_ready_yet() -> None:
    """Ended ninety minutes ago: with a delay of two hours there is nothing, half an hour later half of it."""
    async with bench(report_delay=timedelta(hours=2), report_settling=timedelta(hours=1)) as b:
        _, instance = past_instances("webinar")[-1]
        with pytest.raises(NotReady):
            await b.client.send(reports.webinar_participants(instance.uuid))
        b.clock.now = instance.end + timedelta(hours=2, minutes=1)
        page = await b.client.send(reports.webinar_participants(instance.uuid))
        assert 0 < len(page.items) < len(instance.rows)
        assert {row.duration_s for row in page.items} == {0}


async def test_a_year_later_the_report_is_gone() -> None:
    async with bench() as b:
        _, instance = past_instances("meeting")[0]
        b.clock.now = NOW + timedelta(days=400)
        with pytest.raises(TooOld):
            await b.client.send(past.past_meeting(instance.uuid))


@pytest.mark.parametrize(
    "switches",
    [
        {"unknown_extra_fields": True},
        {"omit_counts_on_later_pages": True},
        {"page_drift": True},
        {"rate_headers": False},
        {"localised_messages": True},
        {"page_size": "error"},
        {"token_mode": "single"},
        {"app_kind": "classic"},
        {"window": "sliding"},
    ],
    ids=str,
)
async def test_a_large_webinar_whatever_zoom_leaves_open(switches: dict[str, Any]) -> None:
    """1,000 registrants and some 700 attendees, over several pages, with an expired token in the middle."""
    world = webinar(7, now=NOW, registrants=1_000, attendees=700, rows=1_100)
    async with bench(world, **switches) as b:
        (session,) = world.sessions.values()
        read = await b.client.collect(lambda t: webinars.registrants(str(session.id), page_token=t), lambda r: r.id)
        assert {r.id for r in read} == {r.id for r in session.registrants}
        (instance,) = session.instances
        b.simulator.expire_tokens()
        found: dict[Any, Any] = {}
        numbers = []
        async for page in b.client.pages(lambda t: reports.webinar_participants(instance.uuid, page_token=t)):
            numbers.append(page.number)
            if page.number == 1:
                found.clear()
            found.update(((row.join_id, row.join_time), row) for row in page.items)
            if numbers == [1, 2]:
                b.clock.now += timedelta(minutes=16)
        assert numbers[:3] == [1, 2, 1]
        assert len(found) == len(instance.rows)


async def test_a_rush_runs_into_the_limit_and_gets_through() -> None:
    """Forty heavy calls at one moment on Pro's ten a second: refused ones come again, none is lost."""
    async with bench() as b:
        _, instance = past_instances("webinar", least_rows=10)[0]
        for _ in range(40):
            page = await b.client.send(reports.webinar_participants(instance.uuid))
            assert len(page.items) == len(instance.rows)
        assert ("heavy", False) in b.budget.pushes
        assert b.budget.least["heavy"] == 0


@pytest.mark.parametrize("form", ["iso", "seconds", "http_date", "none"])
async def test_the_end_of_a_day_is_told_in_every_form(form: str) -> None:
    async with bench(daily_heavy_limit=3, retry_after=form) as b:
        _, instance = past_instances("webinar")[0]
        for _ in range(3):
            await b.client.send(reports.webinar(instance.uuid))
        with pytest.raises(RateLimited) as caught:
            await b.client.send(reports.webinar(instance.uuid))
        assert caught.value.daily
        assert caught.value.retry_at is not None
        # Told in seconds, a time may be rounded up.
        assert timedelta(0) <= caught.value.retry_at - datetime(2026, 9, 2, tzinfo=UTC) <= timedelta(seconds=1)
        assert b.budget.pushes == [("heavy", True)]


async def test_what_a_token_may_do_is_what_the_table_says() -> None:
    async with bench() as b:
        granted = (await b.tokens.token()).scopes
        features = {feature for needed in SCOPES.values() for feature in needed.features}
        assert missing(granted, features) == {}


@pytest.mark.parametrize("app_kind", ["granular", "classic"])
async def test_a_missing_scope_is_named(app_kind: str) -> None:
    needed = SCOPES["zoom.report.history"]
    async with bench(app_kind=app_kind) as b:
        b.simulator.tokens.scopes = {s for s in b.simulator.tokens.scopes if not is_granted([s], needed)}
        with pytest.raises(ScopeMissing) as caught:
            await b.client.send(reports.history(*MONTH))
        named = needed.granular if app_kind == "granular" else needed.classic
        assert named in caught.value.message
        assert named in caught.value.hint


@pytest.mark.parametrize("status", [400, 401])
async def test_wrong_keys_have_a_remedy(status: int) -> None:
    async with bench(invalid_client_status=status) as b:
        http = Http("http://127.0.0.1/oauth", app=b.simulator.app)
        given = {"account_id": b.simulator.account_id, "client_id": b.simulator.client_id}
        bad = TokenSource(http, **given, client_secret="wrong", clock=b.clock)
        with pytest.raises(CredentialError) as caught:
            await bad.token()
        assert "client_secret" in caught.value.hint
        given["account_id"] = "other"
        bad = TokenSource(http, **given, client_secret=b.simulator.client_secret, clock=b.clock)
        with pytest.raises(CredentialError) as caught:
            await bad.token()
        assert "account_id" in caught.value.hint
        await http.close()


@pytest.mark.parametrize("status", [400, 401])
async def test_a_switched_off_app_is_a_matter_of_credentials(status: int) -> None:
    async with bench(token_expired_status=status) as b:
        await b.client.send(users.list_users())
        b.simulator.deactivate()
        with pytest.raises(CredentialError):
            await b.client.send(users.list_users())
        b.simulator.activate()
        await b.client.send(users.list_users())


async def test_a_free_account_has_no_reports() -> None:
    async with bench(plan="free") as b:
        with pytest.raises(CapabilityMissing, match="no such report"):
            await b.client.send(reports.history(*MONTH))


@pytest.mark.parametrize(
    "fault",
    [Fault.respond(500), Fault.html(), Fault.html(200), Fault.truncated(), Fault.reset_before()],
    ids=["500", "html", "html as a success", "truncated", "reset"],
)
async def test_a_fault_on_the_second_page_passes(fault: Fault) -> None:
    world = webinar(7, now=NOW, registrants=700, attendees=10, rows=20)
    async with bench(world) as b:
        (session,) = world.sessions.values()
        b.simulator.faults.order(fault, "GET /webinars/", after=1)
        read = await b.client.collect(lambda t: webinars.registrants(str(session.id), page_token=t), lambda r: r.id)
        assert len(read) == len(session.registrants)


async def test_an_outage_is_given_up_after_a_minute() -> None:
    async with bench() as b:
        b.simulator.faults.order(replace(Fault.respond(503)), "GET /users", times=None)
        with pytest.raises(TransientError, match="no answer for 60 s"):
            await b.client.send(users.list_users())
        assert b.clock.now - NOW == timedelta(seconds=60)


@pytest.mark.parametrize("fault", [Fault.repeat_page_token(), Fault.endless_pages()], ids=["same", "endless"])
async def test_a_listing_in_a_circle_is_refused(fault: Fault) -> None:
    world = webinar(7, now=NOW, registrants=700, attendees=10, rows=20)
    async with bench(world) as b:
        (session,) = world.sessions.values()
        b.simulator.faults.order(fault, "GET /webinars/", times=None)
        with pytest.raises(ContractError):
            await b.client.collect(lambda t: webinars.registrants(str(session.id), page_token=t), lambda r: r.id)
