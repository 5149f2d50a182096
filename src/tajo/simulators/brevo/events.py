"""Custom events: POST /events, POST /events/batch, GET /events.

No event has an id: one that is sent twice is there twice. Source: developers.brevo.com/reference/create-event,
create-batch-events and docs/event-endpoints.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.book import Identifiers
from tajo.simulators.brevo.contacts import convert_values, set_values
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    invalid,
    is_email,
    many,
    many_ids,
    missing,
    moment,
    object_of,
    page_of,
    phone_digits,
)
from tajo.simulators.brevo.records import Contact, Event, Json

MAX_EVENTS = 200  # of one batch
MAX_BATCH_BYTES = 512 * 1024
MAX_PROPERTIES_BYTES = 50 * 1024
UNDEFINED_NAME = "undefined event_name"
NO_IDENTIFIER = "Please pass at least one identifier or contact id"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_WINDOW = timedelta(days=182)  # the default window of GET is six months
_PHONES = {"phone_id": "SMS", "whatsapp_id": "WHATSAPP", "landline_number_id": "LANDLINE_NUMBER"}


def create_event(account: Account, ask: Ask) -> Reply:
    """204: queued."""
    event = read_event(account, ask.fields())
    store(account, event)
    return NO_CONTENT


def create_batch(account: Account, ask: Ask) -> Reply:
    """202 when all events are queued, 207 when some are, 400 when none is; errors grouped by message."""
    body = ask.body
    if not isinstance(body, dict) or not isinstance(body.get("events"), list) or not body["events"]:
        raise missing("events is missing")  # a bare array was the body before 2026-04-21
    items = body["events"]
    if len(items) > MAX_EVENTS:
        raise Refusal(400, "out_of_range", f"A maximum of {MAX_EVENTS} events can be passed")
    if ask.size > MAX_BATCH_BYTES:
        raise Refusal(400, "out_of_range", "The body should not exceed 512KB")
    good, bad = _sort_out(account, items)
    for event in good:
        store(account, event)
    if not bad:
        message = "Batch accepted. Valid events have been added to the processing queue."
        return Reply(202, {"message": message, "count": len(good)})
    failed = sum(len(indexes) for indexes in bad.values())
    result = {
        "status": "partiallyQueued" if good else "failed",
        "total_events": len(items),
        "successful_events": len(good),
        "failed_events": failed,
        "errors": [{"eventIndex": indexes, "message": message} for message, indexes in bad.items()],
    }
    return Reply(207 if good else 400, result)


def _sort_out(account: Account, items: list[Any]) -> tuple[list[Event], dict[str, list[int]]]:
    """The events that are in order, and the positions (from 0) of the others by message."""
    good: list[Event] = []
    bad: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        try:
            good.append(read_event(account, item if isinstance(item, dict) else {}))
        except Refusal as refusal:
            bad.setdefault(str(refusal), []).append(index)
    return good, bad


def read_event(account: Account, body: Json) -> Event:
    """Check one event and find its contact."""
    name = body.get("event_name")
    if not isinstance(name, str) or not name:
        raise missing(UNDEFINED_NAME)
    if not _NAME.fullmatch(name):
        raise invalid("Invalid event_name")
    identifiers = body.get("identifiers")
    if not isinstance(identifiers, dict) or not any(identifiers.get(kind) for kind in ("contact_id", *_KINDS)):
        raise missing(NO_IDENTIFIER)
    contact_properties, properties = _contact_properties(body), _event_properties(body)
    now = account.now()
    contact = _contact(account, identifiers)
    if contact is None and account.switches.event_unknown_contact == "rejected":
        raise invalid("Contact does not exist")
    return Event(
        name,
        _date(body, now),
        now,
        contact.id if contact is not None else None,
        identifiers,
        properties,
        contact_properties,
        object_of(body, "object"),
    )


_KINDS = ("email_id", "ext_id", *_PHONES)


def _date(body: Json, now: datetime) -> datetime:
    text = body.get("event_date")
    if text is None:
        return now
    if not isinstance(text, str):
        raise invalid("Invalid event_date")
    return moment(text, "event_date")


def _event_properties(body: Json) -> Json:
    properties = body.get("event_properties") or {}
    if not isinstance(properties, dict) or not all(_NAME.fullmatch(key) for key in properties):
        raise invalid("Invalid event_properties")
    if len(json.dumps(properties, separators=(",", ":"), ensure_ascii=False).encode()) > MAX_PROPERTIES_BYTES:
        raise invalid("event_properties should not exceed 50KB")
    return properties


def _contact_properties(body: Json) -> Json:
    properties = body.get("contact_properties") or {}
    if not isinstance(properties, dict) or not all(isinstance(value, str | int) for value in properties.values()):
        raise invalid("Invalid contact_properties")
    return properties


def _contact(account: Account, identifiers: Json) -> Contact | None:
    """The contact meant; contact_id wins over the others."""
    if identifiers.get("contact_id"):
        id = identifiers["contact_id"]
        return account.book.by_id(id) if isinstance(id, int) else None
    found = account.book.find(_identify(identifiers))
    return found[0] if found else None


def _identify(identifiers: Json) -> Identifiers:
    email = identifiers.get("email_id") or ""
    if email and not is_email(email):
        raise invalid("Invalid email_id")
    pairs = [(name, phone_digits(identifiers.get(kind))) for kind, name in _PHONES.items()]
    phones = tuple((name, digits) for name, digits in pairs if digits is not None)
    return Identifiers(email.lower(), str(identifiers.get("ext_id") or ""), phones)


def store(account: Account, event: Event) -> None:
    """Keep an event and update its contact; whether an unknown address makes a contact is a switch."""
    contact = account.book.by_id(event.contact_id) if event.contact_id is not None else None
    if contact is None and account.switches.event_unknown_contact == "dropped":
        return
    if contact is None:
        identifiers = _identify(event.identifiers)
        if identifiers.empty():
            return
        # An earlier event of the same batch may have created it.
        found = account.book.find(identifiers)
        contact = found[0] if found else account.book.create(identifiers, event.received_at)
        event.contact_id = contact.id
    if event.contact_properties:
        account.book.touch(contact, event.received_at)
        set_values(contact, convert_values(account, event.contact_properties))
    account.events.append(event)


def get_events(account: Account, ask: Ask) -> Reply:
    """Events, newest first, of six months or of a window."""
    page = page_of(ask, default=100, maximum=10_000, minimum=1)
    now = account.now()
    start, end = _window(ask, now)
    visible_until = now - timedelta(seconds=account.switches.event_lag_s)
    ids, names, types = many_ids(ask, "contact_id"), many(ask, "event_name"), many(ask, "object_type")
    found = [
        event
        for event in sorted(account.events, key=lambda event: event.date)
        if start <= event.date <= end
        and event.received_at <= visible_until
        and (not ids or event.contact_id in ids)
        and (not names or event.name in names)
        and (not types or event.object.get("type") in types)
    ]
    return Reply(200, {"events": [_shown(account, event) for event in page.cut(found)], "count": len(found)})


def _window(ask: Ask, now: datetime) -> tuple[datetime, datetime]:
    start, end = ask.query.get("startDate"), ask.query.get("endDate")
    if (start is None) != (end is None):
        raise missing("startDate and endDate are both mandatory if one is used")
    if start is None or end is None:
        return now - _WINDOW, now + timedelta(days=365)
    first, last = moment(start, "startDate"), moment(end, "endDate")
    if len(end) == len("2026-01-01"):
        last += timedelta(days=1)  # a bare date means the whole day
    if first > last:
        raise invalid("startDate should not be after endDate")
    return first, last


def _shown(account: Account, event: Event) -> Json:
    return {
        "contact_id": event.contact_id,
        "event_name": event.name,
        "event_date": account.shown(event.date),
        "event_filter_id": "",
        "object_type": event.object.get("type", ""),
        "event_properties": event.event_properties,
        "contact_properties": event.contact_properties,
    }
