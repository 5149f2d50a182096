"""Custom events, from which a customer's automations start.

An event has no id of its own and Brevo no idempotency key for it: sent twice it happened twice. So none of the
writing calls is repeatable, and an attempt without an answer is the caller's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.errors import scrub
from tajo.brevo.api.reading import Malformed, Record, instant, nothing, number, optional_number, record, records, text
from tajo.brevo.api.writing import Value, address, chunks, json_size, moment, page_query, value_of
from tajo.core.errors import RejectedError
from tajo.http import Call

ORIGIN = "brevo.events"
MAX_EVENTS = 200
MAX_BATCH_BYTES = 512_000  # "512 KB"; the smaller reading
MAX_PROPERTIES_BYTES = 50_000  # "50 KB"; the smaller reading
_WRAPPER_BYTES = len('{"events":}')
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class EventWrite:
    """One event of one contact: `date` is when it happened, aware. RejectedError when Brevo could not take it.

    The name and the properties' keys have 1 to 255 of A-Z a-z 0-9 _ -; the properties at most 50 KB.
    """

    name: str
    email: str
    date: datetime
    properties: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", address(self.email, origin=ORIGIN))
        if self.date.tzinfo is None:
            raise ValueError("an event's date has a zone")
        for name in (self.name, *self.properties):
            if not _NAME.fullmatch(name):
                raise RejectedError(f"{name!r} cannot name an event or a property", origin=ORIGIN)
        object.__setattr__(self, "properties", MappingProxyType(dict(self.properties)))
        if json_size(self._values()) > MAX_PROPERTIES_BYTES:
            raise RejectedError(f"{self.name}: the properties are over {MAX_PROPERTIES_BYTES} bytes", origin=ORIGIN)

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only view cannot be pickled; the plain mapping can.
        return (EventWrite, (self.name, self.email, self.date, dict(self.properties)))

    def body(self) -> dict[str, Any]:
        """The event as it is sent; the only identifier is the e-mail."""
        body: dict[str, Any] = {
            "event_name": self.name,
            "event_date": moment(self.date),
            "identifiers": {"email_id": self.email},
        }
        return {**body, "event_properties": self._values()} if self.properties else body

    def _values(self) -> dict[str, Any]:
        return {name: value_of(value, name, origin=ORIGIN) for name, value in self.properties.items()}


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many events of a batch were queued, and which were not: (place in the batch from 0, Brevo's reason)."""

    accepted: int
    failures: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An event as Brevo lists it; `date` in UTC."""

    contact_id: int | None
    name: str
    date: datetime | None
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, `count` of all."""

    events: tuple[Event, ...]
    count: int


def post(event: EventWrite) -> Call[None]:
    """Queue one event; Brevo says no more than that it was taken.

    Source: https://developers.brevo.com/reference/create-event
    """
    return Call(
        "POST",
        "/events",
        parse=nothing,
        origin="brevo.events.post",
        label=limits.EVENTS,
        body=event.body(),
        repeatable=False,
    )


def batches(events: Iterable[EventWrite]) -> Iterator[tuple[EventWrite, ...]]:
    """The events, in order, in as few batches as Brevo takes: 200 events and 512 KB each."""
    room = MAX_BATCH_BYTES - _WRAPPER_BYTES
    return chunks(events, lambda event: json_size(event.body()), max_bytes=room, max_rows=MAX_EVENTS)


def post_batch(events: Sequence[EventWrite]) -> Call[BatchResult]:
    """Queue 1 to 200 events (see `batches`) in one call.

    All (202), some (207) or none (400) of them are taken; the result tells which were not. RejectedError when the
    batch as a whole is refused.
    Source: https://developers.brevo.com/reference/create-batch-events
    """
    sent = len(events)
    if not 1 <= sent <= MAX_EVENTS:
        raise ValueError(f"{sent} events at once: 1 to {MAX_EVENTS}")
    return TolerantCall(
        "POST",
        "/events/batch",
        parse=lambda value: _result(value, sent),
        origin="brevo.events.post_batch",
        label=limits.EVENTS_BATCH,
        body={"events": [event.body() for event in events]},
        repeatable=False,
        understands=lambda status, body: status == 400 and isinstance(record(body).get("errors"), list),
    )


def page(
    *,
    contact_id: int | None = None,
    event_name: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
    offset: int = 0,
) -> Call[EventPage]:
    """One page (at most 10,000) of custom events, newest first; of the last six months unless told.

    `start` and `end` are aware and go together. There is no filter by e-mail: the contact's id has to be known.
    Source: https://developers.brevo.com/reference/get-events
    """
    if (start is None) != (end is None):
        raise ValueError("start and end go together")
    query = page_query(limit, offset, most=10_000)
    if contact_id is not None:
        query["contact_id"] = str(contact_id)
    if event_name:
        query["event_name"] = event_name
    if start is not None and end is not None:
        query |= {"startDate": moment(start), "endDate": moment(end)}
    return Call("GET", "/events", parse=_page, origin="brevo.events.page", label=limits.EVENTS_LIST, query=query)


def _result(value: Any, sent: int) -> BatchResult:
    """202 {"message", "count"}, or 207 and 400 {"status", "successful_events", "failed_events", "errors"}.

    An answer that leaves an event unaccounted for is Malformed: an event must not get lost in silence.
    """
    row = record(value)
    if "errors" not in row and not row.get("failed_events"):
        accepted = _stated(row, "count", "successful_events", otherwise=sent)
        failures: tuple[tuple[int, str], ...] = ()
    else:
        failures = _failures(row)
        accepted = _stated(row, "successful_events", otherwise=sent - len(failures))
    if accepted + len(failures) != sent or any(not 0 <= at < sent for at, _ in failures):
        raise Malformed(f"of {sent} events {accepted} are taken and {len(failures)} named as failed")
    return BatchResult(accepted, failures)


def _stated(row: Record, *keys: str, otherwise: int) -> int:
    for key in keys:
        if (value := optional_number(row, key)) is not None:
            return value
    return otherwise


def _failures(row: Record) -> tuple[tuple[int, str], ...]:
    """Each failed place once, in order; one with two complaints has both in its reason."""
    reasons: dict[int, list[str]] = {}
    for error in records(row, "errors"):
        places = error.get("eventIndex")
        for at in places if isinstance(places, list) else [places]:
            reasons.setdefault(_place(at), []).append(scrub(text(error, "message")))
    return tuple((at, "; ".join(dict.fromkeys(said))) for at, said in sorted(reasons.items()))


def _place(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed("no number in eventIndex")
    return value


def _page(value: Any) -> EventPage:
    return EventPage(tuple(_event(row) for row in records(value, "events")), number(record(value), "count"))


def _event(row: Record) -> Event:
    properties = row.get("event_properties")
    return Event(
        contact_id=optional_number(row, "contact_id"),
        name=text(row, "event_name"),
        date=instant(row, "event_date"),
        properties=properties if isinstance(properties, dict) else {},
    )
