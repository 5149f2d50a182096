"""Who gets no mail: by our list, by Brevo's flags at that moment, and nobody at all while Brevo cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tajo.core.errors import CredentialError, TransientError
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.brevo.records import Blocked
from tajo.simulators.faults import Fault
from tajo.store import suppressions
from tajo.workflows.recipients import UNKNOWN, unsendable

pytestmark = pytest.mark.anyio

MANY = [f"p{n}@mail.example" for n in range(25)]
KIM, LEE, CHOI, HAN = MANY[:4]


def paths(b: Any) -> list[str]:
    return [call.path for call in b.brevo.calls]


async def test_nobody_is_held_back_without_a_reason(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *map(person, MANY))
        await b.deliver(*MANY)
        assert await unsendable(b.services, MANY) == {}
        assert await unsendable(b.services, []) == {}


async def test_every_flag_of_brevo_holds_back_and_is_remembered(bench: Any, roster: Any, person: Any) -> None:
    """Also the flags of one sender, an unsubscription from one list of ours, and for good."""
    async with bench() as b:
        roster(b.database, *map(person, MANY))
        await b.deliver(*MANY)
        b.brevo.unsubscribe(KIM)
        b.brevo.unsubscribe_transactional(LEE, "no-reply@shop.example")
        b.brevo.hard_bounce(CHOI)
        b.brevo.contacts[HAN].list_unsubscribed.add(16)
        b.brevo.blocked.append(Blocked(MANY[5], "", "contactFlaggedAsSpam", "Spam", b.clock()))
        b.brevo.blocked.append(Blocked(MANY[6], "", "adminBlocked", "Blocked", b.clock()))
        b.brevo.contacts[MANY[7]].list_unsubscribed.add(2)  # a list that is none of ours
        expected = {
            KIM: "suppressed: blocklisted in Brevo",
            LEE: "suppressed: unsubscribed",
            CHOI: "suppressed: hard bounce",
            HAN: "suppressed: unsubscribed",
            MANY[5]: "suppressed: complaint",
            MANY[6]: "suppressed: blocked for transactional mail",
        }
        found = await unsendable(b.services, [KIM.upper(), *MANY])
        assert found.keys() == expected.keys()
        assert {email: why for email, why in found.items() if email != CHOI} == {
            email: why for email, why in expected.items() if email != CHOI
        }  # a bounce sets two flags at one moment: either may be told
        b.brevo.blocked.clear()
        for email in expected:
            b.brevo.resubscribe(email)
        assert (await unsendable(b.services, MANY)).keys() == expected.keys()


async def test_our_own_list_needs_no_brevo(bench: Any) -> None:
    async with bench() as b:
        told = Suppression(KIM, Reason.COMPLAINT, Source.WEBHOOK, b.clock())
        b.database.write_now(suppressions.add, [told])
        b.brevo.calls.clear()
        assert await unsendable(b.services, [KIM]) == {KIM: "suppressed: complaint"}
        assert paths(b) == []


async def test_who_is_no_contact_is_held_back(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *map(person, MANY[:2]))
        await b.deliver(*MANY[:2])
        b.brevo.delete_contact(KIM)
        assert await unsendable(b.services, [KIM, LEE, "no address"]) == {KIM: UNKNOWN, "no address": UNKNOWN}


async def test_thousands_cost_a_few_calls(bench: Any, roster: Any, person: Any) -> None:
    """2,000 recipients on two lists: four pages of the list that all are on, and the blocklist."""
    people = [f"p{n}@mail.example" for n in range(2000)]
    async with bench() as b:
        roster(b.database, *map(person, people))
        await b.deliver(*people)
        b.brevo.unsubscribe(people[1999])
        b.brevo.calls.clear()
        began = b.clock()
        assert set(await unsendable(b.services, people)) == {people[1999]}
        assert len(paths(b)) <= 7, paths(b)
        assert (b.clock() - began).total_seconds() <= 2


async def test_a_few_of_a_long_list_are_read_one_by_one(bench: Any, roster: Any, person: Any) -> None:
    """Three of 2,005 on the list: one page shows that five would be read, so the three are asked for."""
    async with bench() as b:
        for n in range(2002):
            b.brevo.add_contact(f"other{n}@mail.example", list_ids=[16, 17])
        roster(b.database, *map(person, MANY[:3]))
        await b.deliver(*MANY[:3])
        b.brevo.unsubscribe(LEE)
        b.brevo.calls.clear()
        assert set(await unsendable(b.services, MANY[:3])) == {LEE}
        assert sum("/lists/" in path for path in paths(b)) == 2  # one page of each list
        assert sum(path.startswith("/contacts/p") for path in paths(b)) == 3


async def test_a_long_blocklist_is_read_to_its_end(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        b.brevo.blocked += [Blocked(f"o{n}@x.kr", "", "hardBounce", "", b.clock()) for n in range(250)]
        b.brevo.blocked.append(Blocked(KIM, "", "hardBounce", "", b.clock()))
        assert await unsendable(b.services, [KIM]) == {KIM: "suppressed: hard bounce"}
        assert b.database.read_now(suppressions.count) == 251


@pytest.mark.parametrize("route", ["GET /smtp/blockedContacts", "GET /contacts/lists/", "GET /contacts/p0"])
async def test_while_brevo_cannot_be_read_nobody_is_let_through(
    bench: Any, roster: Any, person: Any, route: str
) -> None:
    async with bench() as b:
        roster(b.database, *map(person, MANY))
        await b.deliver(*MANY)
        asked = [KIM] if route == "GET /contacts/p0" else MANY
        b.brevo.faults.order(Fault.respond(503), route, times=None)
        with pytest.raises(TransientError):
            await unsendable(b.services, asked)


async def test_without_access_nobody_is_let_through(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        b.brevo.expire_key()
        with pytest.raises(CredentialError):
            await unsendable(b.services, [KIM])
