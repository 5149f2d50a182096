"""Who opted out in Brevo is learned by asking, a part at a time, and never lost between two questions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tajo.brevo.webhook import Told
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.brevo.records import Blocked
from tajo.simulators.faults import Fault
from tajo.store import runs, suppressions
from tajo.workflows import opt_outs

pytestmark = pytest.mark.anyio

KIM, LEE, CHOI = (f"{name}@mail.example" for name in ("kim", "lee", "choi"))


def known(b: Any) -> dict[str, str]:
    found: dict[str, str] = b.database.read_now(suppressions.among, [KIM, LEE, CHOI])
    return found


async def test_the_first_poll_reads_all_and_later_ones_what_changed(bench: Any) -> None:
    async with bench() as b:
        b.brevo.add_contact(KIM, email_blacklisted=True)
        b.brevo.add_contact(LEE)
        b.brevo.blocked.append(Blocked(CHOI, "no-reply@shop.example", "hardBounce", "", b.clock()))
        assert await opt_outs.poll(b.services) == 2
        assert known(b) == {KIM: "blocklisted in Brevo", CHOI: "hard bounce"}
        b.clock.forward(hours=1)
        b.brevo.unsubscribe(LEE)
        b.brevo.calls.clear()
        assert await opt_outs.poll(b.services) == 1
        assert LEE in known(b)
        assert await opt_outs.poll(b.services) == 0
        asked = [call for call in b.brevo.calls if call.path == "/contacts"]
        assert len(asked) == 2


async def test_what_was_lifted_in_brevo_stays_with_us(bench: Any) -> None:
    async with bench() as b:
        b.brevo.add_contact(KIM, email_blacklisted=True)
        await opt_outs.poll(b.services)
        b.clock.forward(hours=1)
        b.brevo.resubscribe(KIM)
        b.brevo.delete_contact(KIM)
        await opt_outs.poll(b.services)
        assert known(b) == {KIM: "blocklisted in Brevo"}


async def test_a_large_account_is_read_in_parts(bench: Any) -> None:
    """2,600 contacts, a page a poll; meanwhile somebody at the front unsubscribes, and others are deleted."""
    async with bench() as b:
        for n in range(2600):
            b.brevo.add_contact(f"other{n}@mail.example", email_blacklisted=n % 100 == 0)
        b.brevo.add_contact(KIM, email_blacklisted=True)
        b.clock.forward(hours=1)
        await opt_outs.poll(b.services, pages=1)
        b.brevo.unsubscribe("other1@mail.example")
        for n in range(10, 60):
            b.brevo.delete_contact(f"other{n}@mail.example")
        for _ in range(9):
            b.clock.forward(hours=1)
            await opt_outs.poll(b.services, pages=1)
        assert known(b) == {KIM: "blocklisted in Brevo"}
        assert b.database.read_now(suppressions.count) == 26 + 2


async def test_the_strict_reading_of_the_limits_is_held(bench: Any) -> None:
    """GET /contacts in the bucket of 100 an hour: thirty polls of a small account are thirty calls."""
    async with bench(brevo={"bare_contacts": "other"}) as b:
        b.brevo.add_contact(KIM, email_blacklisted=True)
        for _ in range(30):
            await opt_outs.poll(b.services)
            b.clock.forward(minutes=1)
        assert b.brevo.calls.count(status=429) == 0
        assert known(b).keys() == {KIM}


@pytest.mark.parametrize("status", [503, 403, 400])
@pytest.mark.parametrize("route", ["GET /smtp/blockedContacts", "GET /contacts?"])
async def test_where_brevo_does_not_answer_the_run_goes_on_and_says_so(bench: Any, route: str, status: int) -> None:
    async with bench() as b:
        b.brevo.add_contact(KIM, email_blacklisted=True)
        b.brevo.faults.order(Fault.respond(status), route, times=None)
        await opt_outs.poll(b.services)
        (note,) = b.services.noted_so_far()
        assert "could not be read" in note
        b.brevo.faults.clear()
        await opt_outs.poll(b.services)
        assert known(b).keys() == {KIM}


async def test_a_sync_learns_first_and_puts_nobody_back(bench: Any, roster: Any, person: Any) -> None:
    """KIM unsubscribed from the registrants' list alone, before we ever wrote a contact of theirs."""
    async with bench() as b:
        b.brevo.add_contact(KIM).list_unsubscribed.add(17)
        roster(b.database, person(KIM))
        number = await b.start()
        b.database.write_now(runs.add_people, number, [KIM])
        summary = await b.carry_out(number)
        assert summary["held_back"] == {"suppressed: unsubscribed": 1}
        assert b.brevo.contacts[KIM].list_ids == set()


async def test_webhooks_doubled_and_reordered_change_nothing(bench: Any) -> None:
    async with bench() as b:
        first, second = (
            Suppression(KIM, reason, Source.WEBHOOK, b.clock() + timedelta(minutes=n))
            for n, reason in enumerate((Reason.UNSUBSCRIBED, Reason.COMPLAINT))
        )
        for told in (second, first, second, first):
            b.database.write_now(opt_outs.take_in, Told((told,)), b.clock())
        assert b.database.read_now(suppressions.of_person, KIM) == [first, second]
