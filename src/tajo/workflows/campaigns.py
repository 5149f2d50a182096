"""A campaign for one rule and session: its list, the people on it, the campaign, and sending it; each step once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tajo.brevo import schema
from tajo.brevo.api import campaigns, lists
from tajo.brevo.api.campaigns import DRAFT, Campaign
from tajo.brevo.api.mails import Template
from tajo.core import followups
from tajo.core.contact import Entry
from tajo.core.followups import Rule
from tajo.workflows.services import Services


async def run(services: Services, rule: Rule, template: Template, entry: Entry, people: Sequence[str]) -> bool:
    """Make, or find, the session's campaign with these people on its list; False when it had gone out before.

    What a crash left half done is found again by its name: names carry the session's key.
    """
    assert rule.campaign is not None
    name = f"{rule.name}: {entry.occurrence}"
    known = await _named(services, name)
    if known is not None and known.status != DRAFT:
        return False
    list_id = await _list(services, followups.list_name(rule.campaign, entry))
    for start in range(0, len(people), lists.MOST_AT_ONCE):
        await services.brevo.send(lists.add(list_id, people[start : start + lists.MOST_AT_ONCE]))
    if known is None:
        made = campaigns.create(
            name, template_id=template.id, subject=template.subject, sender=template.sender, list_id=list_id
        )
        known = Campaign(await services.brevo.send(made), name, DRAFT)
    if rule.campaign.send:
        await services.brevo.send(campaigns.send_now(known.id))
    return True


async def _named(services: Services, name: str) -> Campaign | None:
    offset = 0
    while page := await services.brevo.send(campaigns.page(offset=offset)):
        for each in page:
            if each.name == name:
                return each
        offset += len(page)
        if len(page) < campaigns.MOST:
            break
    return None


async def _list(services: Services, name: str) -> int:
    """The list with this name, created where there is none."""
    known = await schema.read(services.brevo)
    found = known.list_named(name)
    if found is None:
        found = await schema.create_list(services.brevo, name)
    services.schema = replace(known, lists={**known.lists, found: name})
    return found
