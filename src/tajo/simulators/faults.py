"""Faults a test orders for a simulator, and the record of the calls that a simulator answered.

Both simulators put `FaultGate` around their application. A fault is ordered beforehand and used up by the calls that
match it, so a test reads as a story: "the second page answers 502 once, then all is well".
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, overload

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["respond", "truncated", "slow", "reset_before", "reset_after", "repeat_page_token", "endless_pages"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call. Use the constructors below; `delay_s` may be added to any of them."""

    kind: Kind
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay_s: float = 0.0  # waited before anything else, in real seconds

    @classmethod
    def respond(cls, status: int, body: bytes = b"", *, headers: dict[str, str] | None = None) -> Fault:
        """Answer this instead; the handler does not run. Without a content-type header it is JSON."""
        return cls("respond", status, tuple((headers or {}).items()), body)

    @classmethod
    def html(cls, status: int = 502, text: str = "<html><body><h1>Bad gateway</h1></body></html>") -> Fault:
        """A page of the edge in front of the API; the handler does not run."""
        return cls("respond", status, (("content-type", "text/html; charset=utf-8"),), text.encode())

    @classmethod
    def truncated(cls) -> Fault:
        """The handler runs; its body is cut in half, in a well-formed HTTP answer."""
        return cls("truncated")

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """The right answer, `seconds` of real time late."""
        return cls("slow", delay_s=seconds)

    @classmethod
    def reset_before(cls) -> Fault:
        """The connection breaks and nothing happened."""
        return cls("reset_before")

    @classmethod
    def reset_after(cls) -> Fault:
        """The connection breaks after the handler did its work: the effect stays, the client gets no answer."""
        return cls("reset_after")

    @classmethod
    def repeat_page_token(cls) -> Fault:
        """A later page names itself as the next page."""
        return cls("repeat_page_token")

    @classmethod
    def endless_pages(cls) -> Fault:
        """There is always a next page; after the last comes the first again."""
        return cls("endless_pages")


@dataclass(slots=True)
class Order:
    """A fault, the calls it is for, and how often it was used."""

    fault: Fault
    match: str | re.Pattern[str]
    times: int | None
    after: int
    seen: int = 0
    used: int = 0

    def fits(self, line: str) -> bool:
        """Whether `line` ("GET /report/webinars/1/participants?page_size=300") is meant."""
        if isinstance(self.match, str):
            return line.startswith(self.match)
        return self.match.search(line) is not None


class Faults:
    """The orders, first come first served; safe to use from several threads."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault, match: str | re.Pattern[str] = "", times: int | None = 1, after: int = 0) -> Order:
        """Let `fault` befall the calls that match, `times` of them (None: all), after letting `after` pass.

        `match` is compared with "METHOD /path?query", as sent and without the API's base path: a text by its beginning
        ("" is every call), a pattern by search.
        """
        order = Order(fault, match, times, after)
        with self._lock:
            self._orders.append(order)
        return order

    def clear(self) -> None:
        """Forget all orders."""
        with self._lock:
            self._orders.clear()

    def take(self, line: str) -> Fault | None:
        """The fault for this call, counted as used; None when all is well."""
        with self._lock:
            for order in self._orders:
                if not order.fits(line) or (order.times is not None and order.used >= order.times):
                    continue
                order.seen += 1
                if order.seen > order.after:
                    order.used += 1
                    return order.fault
        return None


class FaultGate:
    """An ASGI application that lets ordered faults happen around another one.

    Page faults are the inner application's to carry out: it finds the fault in `scope["state"]["fault"]`.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        *,
        base_path: str = "",
        on_replaced: Callable[[Scope, Fault], None] | None = None,
    ) -> None:
        """`base_path` ("/v2") is left out when matching; `on_replaced` hears of calls that the inner app never sees."""
        self._app = app
        self._faults = faults
        self._base_path = base_path
        self._on_replaced = on_replaced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.take(self._line(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.kind in ("respond", "reset_before"):
            await self._replace(fault, scope, receive, send)
            return
        scope = {**scope, "state": {**scope.get("state", {}), "fault": fault}}
        if fault.kind == "truncated":
            await self._app(scope, receive, _Truncating(send))
        elif fault.kind == "reset_after":
            await self._app(scope, receive, _swallow)
            await break_connection(scope)
        else:
            await self._app(scope, receive, send)

    def _line(self, scope: Scope) -> str:
        path = bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = bytes(scope.get("query_string", b"")).decode("latin-1")
        path = path.removeprefix(self._base_path)
        return f"{scope['method']} {path}" + (f"?{query}" if query else "")

    async def _replace(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        if self._on_replaced is not None:
            self._on_replaced(scope, fault)
        if fault.kind == "reset_before":
            await break_connection(scope)
            return
        headers = {name.lower().encode(): value.encode() for name, value in fault.headers}
        headers.setdefault(b"content-type", b"application/json")
        headers.setdefault(b"content-length", str(len(fault.body)).encode())
        await send({"type": "http.response.start", "status": fault.status, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": fault.body})


async def break_connection(scope: MutableMapping[str, Any]) -> None:
    """End the call without an answer.

    `serve` leaves the connection in the scope, so that it can really be closed; called in process there is none and the
    exception reaches the client's transport.
    """
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionResetError("the simulator broke the connection")
    transport.abort()
    await asyncio.sleep(0.01)  # the server notices the loss in the next turns of its loop


class _Truncating:
    """Sends the first half of the body, with the content length of that half."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        half = self._body[: len(self._body) // 2]
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(half)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": half})


async def _swallow(message: Message) -> None:
    """The answer that the client never gets."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One answered call: `path` as sent without query, `status` 0 when the connection broke, `label` the rate class."""

    at: datetime  # aware UTC, by the simulator's clock
    method: str
    path: str
    query: str
    status: int
    label: str


@dataclass(slots=True)
class CallLog:
    """All calls in order of arrival, with the questions that tests ask."""

    _records: list[CallRecord] = field(default_factory=list)

    def add(self, record: CallRecord) -> None:
        self._records.append(record)

    def clear(self) -> None:
        self._records.clear()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(list(self._records))

    @overload
    def __getitem__(self, index: int) -> CallRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[CallRecord]: ...
    def __getitem__(self, index: int | slice) -> CallRecord | list[CallRecord]:
        return self._records[index]

    def select(
        self, *, label: str | None = None, prefix: str = "", method: str | None = None, status: int | None = None
    ) -> list[CallRecord]:
        """The calls of a label, path beginning (base path left out or not), method and status."""
        return [
            record
            for record in list(self._records)
            if (label is None or record.label == label)
            and (record.path.startswith(prefix) or record.path.removeprefix("/v2").startswith(prefix))
            and (method is None or record.method == method)
            and (status is None or record.status == status)
        ]

    def count(
        self, *, label: str | None = None, prefix: str = "", method: str | None = None, status: int | None = None
    ) -> int:
        """How many calls `select` finds."""
        return len(self.select(label=label, prefix=prefix, method=method, status=status))

    def busiest(self, window_s: float, *, label: str | None = None, prefix: str = "") -> int:
        """The most calls within any `window_s` seconds, sliding; calls exactly `window_s` apart are not together."""
        times = sorted(record.at for record in self.select(label=label, prefix=prefix))
        most = first = 0
        for last, at in enumerate(times):
            while (at - times[first]).total_seconds() >= window_s:
                first += 1
            most = max(most, last - first + 1)
        return most

    def span(self, *, label: str | None = None, prefix: str = "") -> tuple[datetime, datetime] | None:
        """The first and the last time, or None without calls."""
        times = [record.at for record in self.select(label=label, prefix=prefix)]
        return (min(times), max(times)) if times else None
