"""To whom no mail may go: asked before every batch, and answered completely or not at all."""

from __future__ import annotations

from collections.abc import Collection

from tajo.brevo.api.contacts import Contact
from tajo.core.suppression import Suppression, of_block, of_flags
from tajo.store import suppressions
from tajo.workflows import flags
from tajo.workflows.consenting import permissions, policy
from tajo.workflows.services import Services

UNKNOWN = "no contact in Brevo"


async def unsendable(services: Services, emails: Collection[str]) -> dict[str, str]:
    """Those of these people to whom no mail may go: e-mail (lower case) → why.

    By our suppression list, their consent, and Brevo's flags at this moment. TransientError or CredentialError when
    Brevo cannot be read completely: then nobody is to be mailed. What was learned is on the suppression list before
    this returns.
    """
    asked = {email.strip().lower() for email in emails}
    if not asked:
        return {}
    barred = await _suppressed(services, asked)
    barred |= await _without_consent(services, asked - barred.keys())
    found = await _read(services, asked - barred.keys())
    return barred | found


async def _suppressed(services: Services, asked: Collection[str]) -> dict[str, str]:
    known = await services.database.read(suppressions.among, asked)
    return {email: f"suppressed: {reason}" for email, reason in known.items()}


async def _without_consent(services: Services, asked: Collection[str]) -> dict[str, str]:
    known = await services.database.read(permissions, policy(services.config), asked)
    return {email: known.of(email).why for email in asked if not known.of(email).mails}


async def _read(services: Services, asked: Collection[str]) -> dict[str, str]:
    """Ask Brevo about those of whom nothing is known."""
    if not asked:
        return {}
    people = await learn(services, asked)
    absent = dict.fromkeys(asked - people.keys(), UNKNOWN)
    # Anew from the table: a webhook may have come while Brevo was asked.
    return absent | await _suppressed(services, asked)


async def learn(services: Services, emails: Collection[str]) -> dict[str, Contact]:
    """Read these people's flags and the whole transactional blocklist, and remember them; the contacts there are."""
    now = services.clock()
    people = await flags.of_people(services, emails)
    ours = flags.ours(services, await flags.known_lists(services))
    told: list[Suppression] = [of_block(each.email, each.code, each.at, now) for each in await flags.blocked(services)]
    for email, contact in people.items():
        left = frozenset(contact.list_unsubscribed)
        found = of_flags(email, blocklisted=contact.email_blacklisted, left=left, ours=ours, at=now)
        told += [found] if found else []
    await services.database.write(suppressions.add, told)
    return people
