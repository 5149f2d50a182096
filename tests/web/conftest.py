"""The service's web side in process: one inbox, one clock, requests as a server hands them over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from tajo.simulators.zoom.webhooks import sign
from tajo.store import inbox
from tajo.store.database import Database
from tajo.store.inbox import Delivery, Inbox
from tajo.web.app import Web, build
from tajo.web.metrics import Metrics

SECRET = "s3cret-token"
Header = tuple[bytes, bytes]


@dataclass
class Answer:
    """What came back; `started` is false where the application said nothing."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_empty(self) -> bool:
        return self.body == b"" and "content-type" not in self.headers


@dataclass
class Front:
    """The application, and what a client does with it."""

    app: Any
    web: Web
    database: Database
    inbox: Inbox
    clock: Any
    secrets: list[str]
    read: int = 0  # how many pieces of a body were asked for

    @contextmanager
    def over(self, box: Inbox) -> Iterator[None]:
        """The same service over an inbox made otherwise."""
        before = self.app
        self.app, _ = build(
            self.database, box, secrets=lambda: self.secrets, clock=self.clock, metrics=self.web.metrics
        )
        yield
        self.app = before
        box.close()

    async def ask(
        self,
        body: bytes | Iterable[bytes] = b"",
        headers: Sequence[Header] = (),
        *,
        method: str = "POST",
        path: str = "/webhooks/zoom",
        receive: Callable[[], Any] | None = None,
    ) -> Answer:
        """One request; `body` in pieces where it is several, `receive` where it is none of that."""
        pieces = [body] if isinstance(body, bytes) else list(body)
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()}
        scope |= {"headers": list(headers), "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 8000)}
        answer, self.read = Answer(), 0

        async def hand_over() -> dict[str, Any]:
            self.read += 1
            piece = pieces.pop(0) if pieces else b""
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert answer.status == 0
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive or hand_over, send)
        return answer

    def signed(self, body: bytes, *, secret: str = SECRET, at: datetime | None = None, **more: str) -> list[Header]:
        """The headers of a genuine delivery."""
        timestamp = str(int((at or self.clock()).timestamp()))
        named = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Zoom Marketplace/1.0a",
            "x-zm-request-id": "6009d653_d487_445d_8406_42b654974899",
            "x-zm-trackingid": "v=2.0;clid=us02;rid=WEB_1",
            "x-zm-request-timestamp": timestamp,
            "x-zm-signature": sign(body, secret=secret, timestamp=timestamp),
            "clientid": "the-app",
            "authorization": "old-verification-token",
        }
        return [(name.encode(), value.encode("latin-1")) for name, value in (named | more).items()]

    async def deliver(self, body: bytes, **more: Any) -> Answer:
        """A genuine delivery."""
        return await self.ask(body, self.signed(body, **more))

    def kept(self) -> list[tuple[Delivery, dict[str, str]]]:
        """What is in the inbox, oldest first, as another connection sees it."""
        ids = self.inbox.database.read_now(inbox.ids_of)
        found = [self.inbox.database.read_now(inbox.one, id_) for id_ in ids]
        return [each for each in found if each is not None]

    async def figure(self, name: str) -> float:
        """One line of the metrics; 0.0 when it is not there."""
        text = (await self.ask(method="GET", path="/metrics")).body.decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return next((float(value) for told, _, value in lines if told == name), 0.0)


@pytest.fixture
async def front(database: Database, inbox_database: Database, clock: Any) -> AsyncIterator[Front]:
    box = Inbox(inbox_database)
    secrets = [SECRET]
    app, web = build(database, box, secrets=lambda: secrets, clock=clock, metrics=Metrics())
    yield Front(app, web, database, box, clock, secrets)
    box.close()
