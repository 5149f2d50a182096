"""`POST /webhooks/brevo`: who opted out, on our suppression list before it is acknowledged.

There is no inbox for it: what is told changes nothing when it is told twice or late, so it is written at once. A
genuine delivery that cannot be kept now is answered with 503, one without our token with 401.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from starlette.types import Receive, Scope, Send

from tajo import logs
from tajo.brevo import webhook
from tajo.brevo.webhook import Told
from tajo.core.errors import ContractError, TajoError
from tajo.store import letters, sealed
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.web.delivered import BODY_DEADLINE, Refusal, answer, body_of, headers_of
from tajo.web.metrics import Metrics
from tajo.workflows.opt_out_webhooks import TOKEN
from tajo.workflows.opt_outs import take_in

KNOWN_FOR = timedelta(seconds=10)  # ours: so long a token is not read anew,
DOUBTED_AFTER = timedelta(seconds=1)  # unless a call carries another one: it may have been made just now


class Tokens:
    """The token that Brevo's calls carry, as `tajo connectors connect` left it in the database; kept for a moment."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database, self._vault, self._clock = database, vault, clock
        self._token = ""
        self._read_at: datetime | None = None

    async def current(self, *, doubted: bool = False) -> str:
        """The token, "" when there is none. TajoError when the database or the key cannot be had."""
        now = self._clock()
        age = DOUBTED_AFTER if doubted or not self._token else KNOWN_FOR
        if self._read_at is None or not timedelta() <= now - self._read_at < age:
            text = await self._database.read(sealed.sealed, TOKEN)
            self._token = sealed.opened(text, TOKEN, self._vault.keyring()) if text else ""
            self._read_at = now
        return self._token


class BrevoWebhook:
    """The route as an ASGI application."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        clock: Callable[[], datetime],
        metrics: Metrics,
        *,
        body_deadline: timedelta = BODY_DEADLINE,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._metrics = metrics
        self._body_deadline = body_deadline
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive)
        except Refusal as refusal:
            self._metrics.refused(refusal.status, f"brevo: {refusal.why}")
            logs.say_seldom("webhook.refused", status=refusal.status, why=f"brevo: {refusal.why}")
            await answer(send, refusal.status, close=refusal.status in (401, 413, 503))
        else:
            await answer(send, 204)

    async def _answer(self, scope: Scope, receive: Receive) -> None:
        if scope["method"] != "POST":
            raise Refusal(405, "method")
        if self.closing:
            raise Refusal(503, "closing")
        headers = headers_of(scope)
        await self._admit(headers.get("authorization", ""))
        body = await body_of(receive, headers, self._body_deadline)
        now = self._clock()
        told = webhook.read(body, now)
        try:
            if told.suppressions or told.joined or told.unreadable:
                await self._database.write(_keep, told, body, now)
        except TajoError:
            raise Refusal(503, "database") from None
        kinds = (("opt-out", len(told.suppressions)), ("joined", len(told.joined)))
        for kind, count in (*kinds, ("other", told.others), ("unreadable", told.unreadable)):
            self._metrics.opt_outs(kind, count)

    async def _admit(self, authorization: str) -> None:
        """Return when the call carries our token; compared in constant time, and before the body is read."""
        scheme, _, given = authorization.partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        try:
            token = await self._tokens.current()
            if token and not _same(given, token):
                token = await self._tokens.current(doubted=True)
        except TajoError:
            raise Refusal(503, "no token readable") from None
        if not token:
            raise Refusal(503, "no token configured")
        if not _same(given, token):
            raise Refusal(401, "forged")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _keep(connection: sa.Connection, told: Told, body: bytes, now: datetime) -> None:
    take_in(connection, told, now)
    if told.unreadable:
        error = ContractError(
            f"{told.unreadable} events of a webhook of {len(body)} bytes are in no known shape",
            origin="brevo.webhook",
            hint="opt-outs are read from Brevo hourly, too; look for an update of Tajo",
        )
        letters.add(connection, f"brevo webhook {sha256(body).hexdigest()[:12]}", error, now)
