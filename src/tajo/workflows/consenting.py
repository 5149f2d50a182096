"""What people's consent allows, from what is stored; and the evidence of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from tajo.config.model import Config
from tajo.core.consent import EVERYTHING, Allowed, OnMissing, Policy, Said
from tajo.store import consents, suppressions
from tajo.store.consents import Evidence
from tajo.workflows.services import Services


def policy(config: Config) -> Policy | None:
    """The `consent:` block; None without one: then everything is allowed."""
    block = config.consent
    if block is None:
        return None
    return Policy(block.question or "", block.yes, OnMissing(block.on_missing))


@dataclass(frozen=True, slots=True)
class Permissions:
    """What is allowed for each of some people; without a policy, everything for everybody."""

    known: Mapping[str, Allowed]

    def of(self, email: str) -> Allowed:
        return self.known.get(email, EVERYTHING)


def permissions(connection: sa.Connection, rules: Policy | None, emails: Collection[str]) -> Permissions:
    """By their registrations' answers, and by those that were kept of registrations that are gone."""
    if rules is None:
        return Permissions({})
    said = _said(connection, emails)
    return Permissions({email: rules.allowed(said.get(email, ())) for email in emails})


def _said(connection: sa.Connection, emails: Collection[str]) -> dict[str, list[Said]]:
    """What a registration says now takes the place of what was kept of the same one."""
    now, kept = consents.registered(connection, emails), consents.kept(connection, emails)
    for email, earlier in kept.items():
        mine = now.setdefault(email, [])
        told = {(each.subject, each.said_at) for each in mine}
        mine += [each for each in earlier if (each.subject, each.said_at) not in told]
    return now


def silenced(connection: sa.Connection, rules: Policy | None, emails: Collection[str]) -> set[str]:
    """Those of these people of whom no event goes out: automations would write to them."""
    known = permissions(connection, rules, emails)
    without = {email for email in emails if not known.of(email).lists}
    return without | suppressions.among(connection, emails).keys()


async def keep_evidence(services: Services, emails: Collection[str]) -> None:
    """Put the answers of these people on record: question, answer, when, and what they were taken for."""
    rules = policy(services.config)
    if rules is None or not emails:
        return
    said = await services.database.read(consents.registered, emails)
    evidence = [
        Evidence(email, each, decision)
        for email, answers in said.items()
        for each in answers
        if (decision := rules.decide(each)) is not None
    ]
    known = await services.database.read(consents.kept, said)
    new = [each for each in evidence if each.said not in known.get(each.email, ())]
    if new:
        await services.database.write(consents.keep, new)
