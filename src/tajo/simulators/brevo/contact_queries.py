"""GET /contacts, GET /contacts/{identifier} and GET /contacts/segments.

Source: developers.brevo.com/reference/get-contacts, get-contact-info.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.contacts import locate
from tajo.simulators.brevo.protocol import Ask, Refusal, Reply, invalid, many_ids, moment, page_of
from tajo.simulators.brevo.records import Contact, Json

_EQUALS = re.compile(r'equals\(\s*([A-Za-z0-9_]+)\s*,\s*"?(.*?)"?\s*\)')
Keep = Callable[[Contact], bool]


def get_contact(account: Account, ask: Ask) -> Reply:
    """One contact, with its statistics: always {}, as seen for contacts without campaigns."""
    now = account.now()
    contact = locate(account, ask, get=lambda found: account.book.seen(found.id, now))
    return Reply(200, {**contact_json(account, contact), "statistics": {}})


def get_contacts(account: Account, ask: Ask) -> Reply:
    """Contacts by creation, newest first by default, without statistics."""
    page = page_of(ask, default=50, maximum=1000)
    keep = [*since_filters(ask), *_id_filters(account, ask), *_equals_filter(account, ask)]
    contacts = [contact for contact in account.book.all_seen(account.now()) if all(test(contact) for test in keep)]
    shown = [contact_json(account, contact) for contact in page.cut(contacts)]
    return Reply(200, {"contacts": shown, "count": len(contacts)})


def get_segments(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=10, maximum=50)
    segments = [
        {"id": id, "segmentName": name, "categoryName": "", "updatedAt": account.shown(account.now())}
        for id, (name, _) in sorted(account.segments.items())
    ]
    return Reply(200, {"segments": page.cut(segments), "count": len(segments)})


def contact_json(account: Account, contact: Contact) -> Json:
    """A contact as GET shows it; where ext_id appears is not confirmed."""
    attributes = dict(contact.attributes)
    place = account.switches.ext_id_shown
    if contact.ext_id is not None and place != "field":
        attributes["EXT_ID"] = contact.ext_id
    shown: Json = {
        "id": contact.id,
        "email": contact.email or None,
        "emailBlacklisted": contact.email_blacklisted,
        "smsBlacklisted": contact.sms_blacklisted,
        "whatsappBlacklisted": False,
        "createdAt": account.shown(contact.created_at),
        "modifiedAt": account.shown(contact.modified_at),
        "listIds": sorted(contact.list_ids),
        "listUnsubscribed": sorted(contact.list_unsubscribed) or None,
        "attributes": attributes,
    }
    if contact.ext_id is not None and place != "attribute":
        shown["ext_id"] = contact.ext_id
    if account.switches.consent_groups:
        shown["consentGroups"] = [{"id": id, "status": status} for id, status in contact.consent_groups.items()]
    return shown


def since_filters(ask: Ask) -> list[Keep]:
    """modifiedSince and createdSince, both including the moment itself."""
    keep: list[Keep] = []
    if text := ask.query.get("modifiedSince"):
        modified = moment(text, "modifiedSince")
        keep.append(lambda contact: contact.modified_at >= modified)
    if text := ask.query.get("createdSince"):
        created = moment(text, "createdSince")
        keep.append(lambda contact: contact.created_at >= created)
    return keep


def _id_filters(account: Account, ask: Ask) -> list[Keep]:
    keep: list[Keep] = []
    ids, list_ids, segment_ids = many_ids(ask, "ids"), many_ids(ask, "listIds"), many_ids(ask, "segmentId")
    if len(ids) > 20:
        raise Refusal(400, "out_of_range", "A maximum of 20 ids can be passed")
    if list_ids and segment_ids:
        raise invalid("Either listIds or segmentId can be passed")
    if ids:
        keep.append(lambda contact: contact.id in ids)
    if list_ids:
        account.check_lists(list_ids)
        keep.append(lambda contact: not contact.list_ids.isdisjoint(list_ids))
    if segment_ids:
        if segment_ids[0] not in account.segments:
            raise invalid("Segment does not exist")
        keep.append(account.segments[segment_ids[0]][1])
    return keep


def _equals_filter(account: Account, ask: Ask) -> list[Keep]:
    """filter=equals(NAME,"value"); several options of a multiple choice are meant together."""
    text = ask.query.get("filter")
    if text is None:
        return []
    found = _EQUALS.fullmatch(text)
    if found is None or found[1] not in account.attributes:
        raise invalid("Invalid filter")
    name, wanted = found[1], found[2]
    labels = account.attributes[name].enumeration

    def matches(contact: Contact) -> bool:
        value: Any = contact.attributes.get(name)
        if isinstance(value, list):
            return all(part.strip() in value for part in wanted.split(","))
        if isinstance(value, bool):
            return wanted == str(value).lower()
        return value is not None and (str(value) == wanted or labels.get(value) == wanted)

    return [matches]
