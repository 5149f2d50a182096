"""Every call of Brevo's edge against the simulator, in process: both were written from the documentation alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from tajo.brevo.api import (
    account,
    attributes,
    blocklist,
    contacts,
    events,
    imports,
    lists,
    opt_in,
    templates,
    webhooks,
)
from tajo.brevo.api.client import BrevoClient
from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.api.errors import Clash, NotFound, RateLimited, TooEarly
from tajo.brevo.api.events import BatchResult, EventWrite
from tajo.brevo.api.limits import RateHint
from tajo.brevo.api.lists import Removal
from tajo.core.errors import CredentialError, RejectedError, TransientError
from tajo.http import Call, Http
from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.brevo.records import Blocked
from tajo.simulators.faults import Fault

pytestmark = pytest.mark.anyio

T = TypeVar("T")
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = "xkeysib-test-key"


class Time:
    """The clock of both sides; it passes only by waiting."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Budget:
    """Lets every call go, after the moments it was pushed to."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.until: dict[str, datetime] = {}
        self.hints: dict[str, RateHint] = {}

    async def acquire(self, label: str) -> None:
        self.time.now = max(self.time.now, self.until.get(label, self.time.now))

    async def push(self, label: str, until: datetime) -> None:
        self.until[label] = until

    async def saw(self, label: str, hint: RateHint) -> None:
        self.hints[label] = hint


class Shop:
    """One simulated account with a client to it."""

    def __init__(self, sim: BrevoSimulator, http: Http, time: Time, key: str) -> None:
        self.sim, self.http, self.time, self.budget = sim, http, time, Budget(time)
        self.brevo = BrevoClient(
            http, key, budget=self.budget, clock=time, sleep=time.sleep, observe=lambda _: None, jitter=lambda: 1.0
        )

    async def send(self, call: Call[T]) -> T:
        return await self.brevo.send(call)


@asynccontextmanager
async def shop(key: str = KEY, **switches: Any) -> AsyncIterator[Shop]:
    time = Time()
    sim = BrevoSimulator(api_key=KEY, clock=time, switches=BrevoSwitches(**switches))
    sim.add_list(7, "Attendees")
    sim.add_list(9, "Registrants")
    for name, kind in (("MEETING_DURATION", "float"), ("VIP", "boolean"), ("MEETING_JOIN_DATE", "date")):
        sim.add_attribute(name, kind)
    async with Http("http://127.0.0.1/v3", app=sim.app) as http:
        yield Shop(sim, http, time, key)


async def test_the_account() -> None:
    async with shop() as s:
        found = await s.send(account.get())
    assert "@" in found.email
    assert found.plans
    assert found.credits is not None
    assert "other" in s.budget.hints


async def test_a_contact_is_created_updated_and_read_back() -> None:
    async with shop() as s:
        first = ContactWrite("Ada+1@Shop.eu", {"FIRSTNAME": "Ada", "MEETING_DURATION": 3120.0, "VIP": True}, (7,))
        number = await s.send(contacts.upsert(first))
        assert isinstance(number, int)
        again = ContactWrite("ada+1@shop.EU", {"LASTNAME": "O'Brien & 김", "MEETING_JOIN_DATE": "2026-11-24"}, (9,))
        assert await s.send(contacts.upsert(again)) is None
        await s.send(contacts.update(ContactWrite("ada+1@shop.eu", {"VIP": False}), unlink_list_ids=[7]))
        read = await s.send(contacts.get("ADA+1@shop.eu"))
    assert (read.id, read.email, read.list_ids, read.email_blacklisted) == (number, "ada+1@shop.eu", (9,), False)
    assert read.attributes["FIRSTNAME"] == "Ada"
    assert read.attributes["LASTNAME"] == "O'Brien & 김"
    assert read.attributes["MEETING_DURATION"] == 3120
    assert read.attributes["VIP"] is False
    assert read.attributes["MEETING_JOIN_DATE"] == "2026-11-24"
    assert read.modified_at is not None


async def test_who_unsubscribed_stays_so_through_every_kind_of_write() -> None:
    async with shop() as s:
        s.sim.add_contact("ada@shop.eu", list_ids=[7], email_blacklisted=True)
        write = ContactWrite("ada@shop.eu", {"FIRSTNAME": "Ada"})
        await s.send(contacts.upsert(write))
        await s.send(contacts.update(write))
        await s.send(imports.start([write], [9]))
        await s.time.sleep(30)
        assert (await s.send(contacts.get("ada@shop.eu"))).email_blacklisted


async def test_contacts_that_are_not_there() -> None:
    async with shop() as s:
        with pytest.raises(NotFound):
            await s.send(contacts.get("nobody@shop.eu"))
        with pytest.raises(NotFound):
            await s.send(contacts.update(ContactWrite("nobody@shop.eu", {"FIRSTNAME": "N"})))


async def test_contacts_are_paged_and_filtered() -> None:
    async with shop() as s:
        for at in range(5):
            s.sim.add_contact(f"p{at}@shop.eu", attributes={"FIRSTNAME": f"P{at}"}, list_ids=[7] if at < 2 else [9])
        first = await s.send(contacts.page(limit=3))
        rest = await s.send(contacts.page(limit=3, offset=3))
        assert [each.email for each in (*first.contacts, *rest.contacts)] == [f"p{at}@shop.eu" for at in range(5)]
        assert (first.count, rest.count) == (5, 5)
        assert (await s.send(contacts.page(list_id=7))).count == 2
        named = await s.send(contacts.page(equals=("FIRSTNAME", "P3")))
        assert [each.email for each in named.contacts] == ["p3@shop.eu"]
        late = START + timedelta(hours=1)
        assert (await s.send(contacts.page(modified_since=late))).contacts == ()
        assert (await s.send(contacts.page(created_since=START - timedelta(hours=1)))).count == 5


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter"])
async def test_a_phone_number_of_somebody_else_is_a_clash(code: str) -> None:
    async with shop(code_drift=code) as s:
        s.sim.add_contact("mother@shop.eu", attributes={"SMS": "+33612345678"})
        s.sim.add_contact("child@shop.eu")
        write = ContactWrite("child@shop.eu", {"SMS": "+33612345678"})
        calls: list[Call[Any]] = [contacts.upsert(write), contacts.update(write)]
        for call in calls:
            with pytest.raises(Clash) as caught:
                await s.send(call)
            assert caught.value.identifiers == ("SMS",)


async def watched(s: Shop, process_id: int) -> imports.Process:
    for _ in range(10):
        page = await s.send(imports.processes())
        process = next(each for each in page.processes if each.id == process_id)
        if process.finished:
            return process
        await s.time.sleep(15)
    raise AssertionError("the import never ends")


@pytest.mark.parametrize("word", ["in_process", "processing"])
async def test_an_import_is_accepted_watched_and_found_done(word: str) -> None:
    async with shop(working_status=word, import_queued_s=5.0, import_working_s=20.0) as s:
        rows = [
            ContactWrite("ada@shop.eu", {"FIRSTNAME": "Ada", "VIP": True, "MEETING_JOIN_DATE": "2026-11-24"}),
            ContactWrite("bob+x@shop.eu", {"FIRSTNAME": "Bob", "VIP": False, "MEETING_DURATION": 60.5}),
        ]
        number = await s.send(imports.start(rows, [7, 9]))
        assert (await s.send(imports.process(number))).status == "queued"
        await s.time.sleep(10)
        assert (await s.send(imports.process(number))).status == "processing"
        process = await watched(s, number)
        assert (process.name, process.status, process.reports) == ("IMPORTUSER", "completed", {})
        ada, bob = await s.send(contacts.get("ada@shop.eu")), await s.send(contacts.get("bob+x@shop.eu"))
        assert s.sim.owner_mails == []
    assert (ada.list_ids, ada.attributes["VIP"], ada.attributes["MEETING_JOIN_DATE"]) == ((7, 9), True, "2026-11-24")
    assert (bob.attributes["VIP"], bob.attributes["MEETING_DURATION"]) == (False, 60.5)


async def test_an_import_empties_fields_only_when_told_so() -> None:
    async with shop() as s:
        s.sim.add_contact("ada@shop.eu", attributes={"FIRSTNAME": "Ada"})
        row = ContactWrite("ada@shop.eu", {"FIRSTNAME": ""})
        await watched(s, await s.send(imports.start([row], [7])))
        assert (await s.send(contacts.get("ada@shop.eu"))).attributes["FIRSTNAME"] == "Ada"
        await watched(s, await s.send(imports.start([row], [7], empty_contacts_attributes=True)))
        assert not (await s.send(contacts.get("ada@shop.eu"))).attributes.get("FIRSTNAME")


async def test_the_rows_an_import_refused_are_in_its_report() -> None:
    async with shop() as s:
        s.sim.add_contact("mother@shop.eu", attributes={"SMS": "+33612345678"})
        rows = [ContactWrite("child@shop.eu", {"SMS": "+33612345678"}), ContactWrite("ok@shop.eu")]
        process = await watched(s, await s.send(imports.start(rows, [7])))
        assert list(process.reports) == ["duplicate_phone_id"]
        parts = urlsplit(process.reports["duplicate_phone_id"])
        async with Http("http://127.0.0.1", app=s.sim.app) as beside:
            reply = await beside.send("GET", parts.path + (f"?{parts.query}" if parts.query else ""), origin="test")
    read = imports.report_rows(reply.body.decode())
    # What a report says of a row is undocumented; here it is the number that clashed.
    assert [list(row.values()) for row in read] == [["33612345678"]]


async def test_failed_imports_and_unknown_jobs() -> None:
    async with shop() as s:
        s.sim.fail_imports()
        process = await watched(s, await s.send(imports.start([ContactWrite("a@shop.eu")], [7])))
        assert process.status == "failed"
        with pytest.raises(NotFound):
            await s.send(imports.process(987_654))
        with pytest.raises(RejectedError):
            await s.send(imports.start([ContactWrite("a@shop.eu")], [404]))


async def test_attributes_are_created_once_and_listed() -> None:
    async with shop() as s:
        await s.send(attributes.create("webinar_name", "text"))
        await s.send(attributes.create("STATUS", "category", labels=["attended", "no_show"]))
        found = {each.name: each for each in await s.send(attributes.every())}
        with pytest.raises(RejectedError):
            await s.send(attributes.create("WEBINAR_NAME", "text"))
    assert (found["WEBINAR_NAME"].category, found["WEBINAR_NAME"].type) == ("normal", "text")
    assert [(option.value, option.label) for option in found["STATUS"].options] == [("1", "attended"), ("2", "no_show")]
    assert found["VIP"].type == "boolean"


async def test_lists_and_folders() -> None:
    async with shop() as s:
        folder = await s.send(lists.create_folder("Tajo"))
        number = await s.send(lists.create("No-shows", folder))
        assert any(each.id == folder and each.name == "Tajo" for each in (await s.send(lists.folders())).folders)
        made = await s.send(lists.get(number))
        assert (made.name, made.folder_id, made.subscribers) == ("No-shows", folder, 0)
        page = await s.send(lists.page())
        assert {7, 9, number} <= {each.id for each in page.lists}
        assert page.count == len(page.lists)
        with pytest.raises(NotFound):
            await s.send(lists.get(404))


async def test_the_contacts_of_a_list() -> None:
    async with shop() as s:
        for at in range(3):
            s.sim.add_contact(f"p{at}@shop.eu", list_ids=[7])
        page = await s.send(lists.contacts(7, limit=2))
        assert ([each.email for each in page.contacts], page.count) == (["p0@shop.eu", "p1@shop.eu"], 3)
        since = START + timedelta(days=1)
        assert (await s.send(lists.contacts(7, modified_since=since))).contacts == ()
        with pytest.raises(NotFound):
            await s.send(lists.contacts(404))


@pytest.mark.parametrize("shape", ["wrapped", "unwrapped"])
async def test_contacts_are_taken_off_a_list(shape: str) -> None:
    async with shop(list_reply=shape) as s:
        s.sim.add_contact("ada@shop.eu", list_ids=[7, 9])
        s.sim.add_contact("bob@shop.eu")
        asked = ["Ada@shop.eu", "bob@shop.eu", "nobody@shop.eu"]
        expected = Removal(("ada@shop.eu",), ("bob@shop.eu", "nobody@shop.eu"))
        assert await s.send(lists.remove(7, asked)) == expected
        assert (await s.send(contacts.get("ada@shop.eu"))).list_ids == (9,)
        assert (await s.send(lists.remove(7, asked))).removed == ()
        with pytest.raises(NotFound):
            await s.send(lists.remove(404, asked))


def event(email: str, **properties: Any) -> EventWrite:
    return EventWrite("zoom_webinar_attended", email, START, properties)


async def test_events_are_queued_and_listed() -> None:
    async with shop() as s:
        ada = s.sim.add_contact("ada@shop.eu")
        await s.send(events.post(event("Ada@shop.eu", minutes=52, topic="Q&A")))
        pair = [event("ada@shop.eu", minutes=1), event("ada@shop.eu", minutes=2)]
        assert await s.send(events.post_batch(pair)) == BatchResult(2)
        await s.time.sleep(5)
        page = await s.send(events.page(contact_id=ada.id, event_name="zoom_webinar_attended"))
        none = await s.send(events.page(start=START - timedelta(days=9), end=START - timedelta(days=8)))
    assert page.count == len(page.events) == 3
    assert {each.properties["minutes"] for each in page.events} == {52, 1, 2}
    assert {each.date for each in page.events} == {START}
    assert none.events == ()


async def test_events_refused_one_by_one_are_named() -> None:
    """With unknown contacts refused: the second of three is not queued; alone it is a 400 of the same shape."""
    async with shop(event_unknown_contact="rejected") as s:
        s.sim.add_contact("ada@shop.eu")
        three = [event("ada@shop.eu"), event("nobody@shop.eu"), event("ada@shop.eu")]
        some = await s.send(events.post_batch(three))
        none = await s.send(events.post_batch(three[1:2]))
    assert (some.accepted, [at for at, _ in some.failures]) == (2, [1])
    assert (none.accepted, [at for at, _ in none.failures]) == (0, [0])


@pytest.mark.parametrize("fault", [Fault.reset_after(), Fault.reset_before(), Fault.html(502), Fault.respond(503)])
async def test_silence_repeats_a_contact_and_never_an_event(fault: Fault) -> None:
    async with shop() as s:
        s.sim.faults.order(fault, "POST /contacts")
        await s.send(contacts.upsert(ContactWrite("ada@shop.eu", {"FIRSTNAME": "Ada"})))
        assert s.sim.calls.count(method="POST", prefix="/contacts") == 2
        s.sim.faults.order(fault, "POST /events")
        with pytest.raises(TransientError) as caught:
            await s.send(events.post(event("ada@shop.eu")))
        assert s.sim.calls.count(method="POST", prefix="/events") == 1
    assert caught.value.ambiguous
    assert list(s.sim.contacts) == ["ada@shop.eu"]


async def test_the_limit_of_the_hour_is_found_and_waited_for_by_the_caller() -> None:
    """100 calls in this hour: the 101st is not ours to wait for."""
    async with shop() as s:
        for _ in range(100):
            await s.send(account.get())
        with pytest.raises(RateLimited) as caught:
            await s.send(account.get())
        assert caught.value.retry_at > START + timedelta(minutes=1)
        s.time.now = caught.value.retry_at
        await s.send(account.get())


async def test_the_limit_of_the_second_is_waited_for() -> None:
    """25 calls at 10 a second, whether the 429 speaks in JSON or not."""
    for body in ("json", "text"):
        async with shop(body_of_429=body) as s:
            for _ in range(25):
                await s.send(lists.page())
        assert timedelta(seconds=1) <= s.time.now - START <= timedelta(seconds=10)


async def test_a_contact_in_process_comes_again() -> None:
    async with shop() as s:
        s.sim.too_early(2)
        number = await s.send(contacts.upsert(ContactWrite("ada@shop.eu")))
        assert isinstance(number, int)
        s.sim.too_early(99)
        with pytest.raises(TooEarly):
            await s.send(contacts.update(ContactWrite("ada@shop.eu", {"FIRSTNAME": "A"})))


async def test_the_causes_of_a_401() -> None:
    async with shop(key="xkeysib-another") as s:
        with pytest.raises(CredentialError, match="does not know this API key"):
            await s.send(account.get())
    async with shop() as s:
        s.sim.block_ip("203.0.113.9")
        with pytest.raises(CredentialError, match=r"203\.0\.113\.9") as caught:
            await s.send(account.get())
        assert "authorised_ips" in caught.value.hint
        s.sim.restore()
        await s.send(account.get())
        for spoil in (s.sim.deactivate, s.sim.expire_key):
            spoil()
            with pytest.raises(CredentialError):
                await s.send(account.get())
            s.sim.restore()


@pytest.mark.parametrize("bare", ["contacts", "other"])
async def test_either_reading_of_the_doubtful_buckets_is_survived(bare: str) -> None:
    """Strictly counted, an upsert is one of 100 an hour: the 101st is handed back, not hammered."""
    async with shop(bare_contacts=bare) as s:
        write = ContactWrite("ada@shop.eu", {"FIRSTNAME": "Ada"})
        for _ in range(100):
            await s.send(contacts.upsert(write))
        if bare == "contacts":
            await s.send(contacts.upsert(write))
        else:
            with pytest.raises(RateLimited):
                await s.send(contacts.upsert(write))


# --- opt-outs and double opt-in ---


async def test_the_blocklist_by_pages_oldest_first() -> None:
    """Kinds of 101 entries: two pages; a block for one sender is one, too."""
    async with shop() as s:
        for n in range(100):
            s.sim.blocked.append(Blocked(f"p{n}@shop.eu", "", "hardBounce", "Hard bounced", s.time()))
        s.sim.unsubscribe_transactional("Ada@shop.eu", "No-Reply@shop.eu")
        first, second = await s.send(blocklist.page()), await s.send(blocklist.page(offset=100))
    assert (len(first.blocked), first.count, len(second.blocked)) == (100, 101, 1)
    assert first.blocked[0].code == "hardBounce"
    assert second.blocked[0] == blocklist.Blocked("ada@shop.eu", "no-reply@shop.eu", "unsubscribedViaEmail", s.time())
    assert "mail" in s.budget.hints


async def test_templates_tell_whether_they_can_ask() -> None:
    async with shop() as s:
        s.sim.add_template(12, "Confirm", html="{{ params.DOIurl }} <p>yes</p>", tag="optin")
        s.sim.add_template(13, is_active=False)
        assert await s.send(templates.get(12)) == templates.Template(12, "Confirm", is_active=True, is_opt_in=True)
        plain = await s.send(templates.get(13))
        assert (plain.is_active, plain.is_opt_in) == (False, False)
        with pytest.raises(NotFound):
            await s.send(templates.get(14))


async def test_a_double_opt_in_makes_a_contact_with_the_click() -> None:
    async with shop() as s:
        s.sim.add_template(12, html="{{ params.DOIurl }} <p>yes</p>", tag="optin")
        call = opt_in.ask("Ada@shop.eu", [7, 9], template_id=12, redirect_url="https://shop.eu/thanks")
        assert await s.send(call) is None
        with pytest.raises(NotFound):
            await s.send(contacts.get("ada@shop.eu"))
        s.sim.click_opt_in("ada@shop.eu")
        assert (await s.send(contacts.get("ada@shop.eu"))).list_ids == (7, 9)
        assert await s.send(call) is None  # 204: Brevo has them on the lists already
        with pytest.raises(RejectedError):
            await s.send(opt_in.ask("ada@shop.eu", [7], template_id=99, redirect_url="https://shop.eu"))
        with pytest.raises(RejectedError):
            opt_in.ask("no address", [7], template_id=12, redirect_url="https://shop.eu")
    assert not call.repeatable


async def test_webhooks_of_both_types_are_registered_found_and_changed() -> None:
    async with shop() as s:
        url, spam = "https://tajo.shop.eu/webhooks/brevo", ["spam"]
        for type_ in ("marketing", "transactional"):
            call = webhooks.create(type_, url, spam, token="a", description="Tajo")  # type: ignore[arg-type]
            number = await s.send(call)
            assert await s.send(webhooks.every(type_)) == (webhooks.Webhook(number, url, ("spam",)),)  # type: ignore[arg-type]
        await s.send(webhooks.update(number, url, ["spam", "blocked"], token="b"))
        assert (s.sim.webhooks[number].events, s.sim.webhooks[number].auth["token"]) == (["spam", "blocked"], "b")
    assert not call.repeatable
