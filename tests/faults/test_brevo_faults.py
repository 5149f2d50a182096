"""Brevo behaves badly during a sync: nobody is written wrongly, who is missing is counted, and the next run mends."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tajo.simulators.faults import Fault

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

CALLS = (
    "GET /contacts/attributes",
    "GET /contacts/lists",
    re.compile(r"POST /contacts(\?|$)"),
    "POST /contacts/import",
    "GET /processes",
    re.compile(r"GET /contacts/[^/]*(@|%40)"),
)
PASSING = {
    "524": Fault.html(524),
    "500": Fault.respond(500, b'{"code":"internal","message":"?"}'),
    "a broken connection": Fault.reset_before(),
    "a connection broken after the commit": Fault.reset_after(),
    "a slow answer": Fault.slow(0.05),
    "429 without headers": Fault.respond(429, b"Too Many Requests"),
    "429 with headers": Fault.respond(
        429,
        b'{"code":"too_many_requests","message":"Too many requests"}',
        headers={"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-remaining": "0", "x-sib-ratelimit-reset": "3"},
    ),
    "425": Fault.respond(425, b'{"code":"account_in_process","message":"Account in process"}'),
}


@pytest.mark.parametrize(
    ("name", "group"),
    [*((name, "many") for name in PASSING), ("524", "small"), ("a connection broken after the commit", "small")],
)
async def test_a_passing_fault_changes_nothing(name: str, group: str, ground: Any, undisturbed: Any) -> None:
    """Once at every kind of call; singly written (small) and imported (many)."""
    here = ground(group)
    for call in CALLS:
        here.brevo.faults.order(PASSING[name], call)
    told = await here.sync()
    assert told.exit == 0, told.text
    book, (ledger, roster) = await undisturbed(group)
    assert here.book() == book
    assert here.kept() == (ledger, roster)


async def test_524_after_the_import_was_accepted_writes_everybody_once(ground: Any, undisturbed: Any) -> None:
    """Brevo took the import and its edge gave up waiting: a second one says the same."""
    here = ground("many")
    order = here.brevo.faults_after.order(Fault.respond(524, b"<html>"), "POST /contacts/import")
    told = await here.sync()
    assert order.used == 1
    assert told.exit == 0, told.text
    assert here.book() == (await undisturbed("many"))[0]
    assert len(here.brevo.contacts) == 36


@pytest.mark.parametrize(
    ("name", "group"), [("500 for ever", "many"), ("a broken connection for ever", "small")], ids=["500", "broken"]
)
async def test_silence_ends_the_run_resumable(name: str, group: str, ground: Any, undisturbed: Any) -> None:
    here = ground(group)
    fault = Fault.respond(500) if "500" in name else Fault.reset_before()
    here.brevo.faults.order(fault, "POST /contacts", times=None)
    told = await here.sync()
    assert told.exit == 5, told.text
    assert "Brevo" in told.text
    assert timedelta(seconds=30) <= told.took <= timedelta(seconds=130)
    assert here.book() == {}

    here.brevo.faults.clear()
    told = await here.sync()
    assert "goes on with" in told.text
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed(group)


@pytest.mark.parametrize("group", ["small", "many"])
async def test_a_page_in_brevos_place_loses_nobody(group: str, ground: Any, undisturbed: Any) -> None:
    """A captive portal answers the first write with 200 and HTML."""
    here = ground(group)
    here.brevo.faults.order(Fault.html(200), "POST /contacts")
    told = await here.sync()
    assert told.exit in (0, 5, 6), told.text
    if told.exit == 0:
        assert (here.book(), here.kept()) == await undisturbed(group)
        return
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert (here.book(), here.kept()) == await undisturbed(group)


async def test_an_import_that_fails_once_is_made_again(ground: Any, undisturbed: Any) -> None:
    """Everybody is written in the end: nothing is left to do, so nothing is left open."""
    here = ground("many")
    here.brevo.fail_imports(1)
    told = await here.sync()
    assert (here.book(), here.kept()[1]) == ((await undisturbed("many"))[0], (await undisturbed("many"))[1][1])
    assert told.summary["created"] == 36
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0


async def test_imports_that_always_fail_are_told_and_mended_by_the_next_run(ground: Any, undisturbed: Any) -> None:
    here = ground("many")
    here.brevo.fail_imports(99)
    told = await here.sync()
    assert told.exit == 6, told.text
    assert told.summary["created"] == 0
    assert here.book() == {}
    assert here.kept()[0] == {}
    assert "import" in told.text or told.summary["dead_letters"]

    here.brevo.fail_imports(0)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert (here.book(), here.kept()) == await undisturbed("many")


async def test_an_import_that_never_ends_is_not_called_a_success(ground: Any, undisturbed: Any) -> None:
    """Brevo's queue stands still for hours: the run ends, says that people are not written, and is resumable."""
    here = ground("many", brevo={"import_queued_s": 24 * 3600.0})
    told = await here.sync()
    assert told.took < timedelta(hours=4)
    assert told.exit != 0, told.text
    assert here.brevo.calls.count(prefix="/processes") < 100
    here.clock.forward(hours=30)
    here.turn("brevo", import_queued_s=1.0)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()[1]) == ((await undisturbed("many"))[0], (await undisturbed("many"))[1][1])


@pytest.mark.parametrize(("break_it", "group"), [("expire_key", "small"), ("block_ip", "many")])
async def test_access_lost_mid_run_pauses_it(break_it: str, group: str, ground: Any, undisturbed: Any) -> None:
    """In the middle of single writes, or while an import is being watched."""
    here = ground(group)
    place = "GET /v3/processes" if group == "many" else "POST /v3/contacts"
    seen: list[str] = []

    def now(line: str, _: int) -> bool:
        seen.append(line)
        return sum(each.startswith(place) for each in seen) == (1 if group == "many" else 4)

    here.when("brevo", now, getattr(here.brevo, break_it))
    told = await here.sync()
    assert told.exit == 4, told.text
    assert "brevo.com" in told.text
    here.brevo.restore()
    told = await here.sync()
    assert "goes on with" in told.text
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed(group)


@pytest.mark.parametrize("times", [1, 3, 40])
async def test_425_is_waited_out_or_told(times: int, ground: Any, undisturbed: Any) -> None:
    here = ground()
    here.brevo.too_early(times)
    told = await here.sync()
    if times < 40:
        assert told.exit == 0, told.text
    else:
        assert told.exit == 5
        here.brevo.too_early(0)
        told = await here.sync()
        assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


# --- records that Brevo refuses ---


@pytest.mark.parametrize("clash", ["row", "field"])
async def test_a_phone_number_of_somebody_else_costs_the_number_only(clash: str, ground: Any) -> None:
    """One in an import of 36; Brevo's own contact keeps the number."""
    here = ground("many", brevo={"import_clash": clash})
    here.brevo.add_contact("owner@shop.example", attributes={"SMS": "+821055501003"})
    told = await here.sync()
    book = here.book()
    assert set(book) == here.everybody | {"owner@shop.example"}
    assert book["m3@mail.example"][0]["ATTENDANCE_STATUS"] == "attended"
    assert 16 in book["m3@mail.example"][1]
    assert "SMS" not in book["m3@mail.example"][0]
    assert any("SMS" in lost for lost in told.summary["lost_fields"]), told.text
    assert "SMS" in told.text
    assert told.exit == 0

    again = await here.sync()
    assert again.exit == 0
    assert (again.summary["created"], again.summary["changed"]) == (0, 0), again.text


async def test_refused_people_are_dead_letters_and_the_others_are_written(ground: Any) -> None:
    """Brevo refuses one person singly."""
    here = ground()
    refusal = b'{"code":"invalid_parameter","message":"Invalid email address"}'

    class Refuse:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            message = await receive()
            if b"p3@mail.example" in message.get("body", b""):
                headers = [(b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 400, "headers": headers})
                await send({"type": "http.response.body", "body": refusal})
                return
            messages = [message]

            async def again() -> Any:
                return messages.pop() if messages else await receive()

            await self.app(scope, again, send)

    well = here.brevo.app
    here.brevo.app = Refuse(well)
    told = await here.sync()
    assert told.exit == 6
    assert told.summary["refused"] == 1
    assert set(here.book()) == here.everybody - {"p3@mail.example"}
    again = await here.sync()
    assert again.exit == 6
    assert again.summary["dead_letters"] == 1  # not doubled

    here.brevo.app = well
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert set(here.book()) == here.everybody


async def test_rows_that_an_import_refuses_are_told_by_name(ground: Any) -> None:
    """Brevo's import does not take an address that ours lets pass."""
    here = ground("many")
    whole = json.dumps({"code": "invalid_parameter", "message": "refused"}).encode()
    odd = "m5@mail.example"
    real = here.brevo.app

    class Refuse:
        """Loses the row in imports, and refuses it singly, as Brevo does with addresses that it thinks invalid."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            if scope["path"] == "/v3/contacts/import":
                data = json.loads(body)
                data["jsonBody"] = [
                    row | {"email": "m5@invalid"} if row["email"] == odd else row for row in data["jsonBody"]
                ]
                body = json.dumps(data).encode()
                scope = {**scope, "headers": [h for h in scope["headers"] if h[0] != b"content-length"]}
                scope["headers"].append((b"content-length", str(len(body)).encode()))
            elif odd.encode() in body and scope["method"] == "POST":
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": whole})
                return
            messages = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Any:
                return messages.pop() if messages else await receive()

            await real(scope, again, send)

    here.brevo.app = Refuse()
    told = await here.sync()
    assert set(here.book()) == here.everybody - {odd}
    assert told.exit == 6, told.text
    assert told.summary["refused"] == 1
    assert told.summary["created"] == 35
    assert odd not in here.kept()[0]
    here.brevo.app = real
    told = await here.sync()
    assert told.exit == 0, told.text
    assert set(here.book()) == here.everybody


async def test_a_contact_deleted_by_hand_comes_back_only_when_something_changes(ground: Any) -> None:
    """The ledger says written: a deleted contact is not an endless repair, and a later change makes it whole again."""
    here = ground()
    await here.sync()
    here.brevo.delete_contact("p0@mail.example")
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["changed"] == 0


async def test_somebody_who_unsubscribed_stays_so(ground: Any) -> None:
    here = ground("many")
    for email in sorted(here.everybody)[:3]:
        here.brevo.add_contact(email, email_blacklisted=True, list_ids=[16])
    told = await here.sync()
    assert told.exit == 0, told.text
    for email in sorted(here.everybody)[:3]:
        assert here.brevo.contacts[email].email_blacklisted
    assert here.brevo.complaints() == []


async def test_a_list_deleted_in_the_middle_is_a_clear_error(ground: Any, undisturbed: Any) -> None:
    here = ground("many")
    here.when("brevo", lambda line, _: "/contacts/import" in line, lambda: here.brevo.lists.pop(16))
    told = await here.sync()
    assert told.exit in (3, 6), told.text
    assert told.text
    here.brevo.add_list(16, "again")
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert here.book() == (await undisturbed("many"))[0]
