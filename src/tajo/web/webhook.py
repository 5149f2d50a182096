"""`POST /webhooks/zoom`: verified, durable, then acknowledged. Nothing else happens in the request.

What Zoom does with an answer decides which one it gets: 3xx and 4xx are never sent again, so a genuine delivery that
cannot be kept now is answered with 503, and only a forgery with 401.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from starlette.types import Receive, Scope, Send

from tajo import logs
from tajo.connectors.zoom.events import VALIDATION
from tajo.connectors.zoom.webhook import STALE, UNSIGNED, WRONG, challenge_answer, fault
from tajo.core.errors import TajoError
from tajo.store.inbox import HANDLED, Inbox, Received
from tajo.web.delivered import BODY_DEADLINE, Refusal, answer, body_of, headers_of
from tajo.web.metrics import Metrics

MAX_UNSIGNED_BYTES = 1024  # a validation has 110; nothing else is looked at without a signature
KEPT_HEADERS = ("content-type", "user-agent", "x-zm-request-id", "x-zm-trackingid", "x-zm-request-timestamp")


class ZoomWebhook:
    """The route as an ASGI application. `secrets` gives the app's secret tokens, the current one first."""

    def __init__(
        self,
        inbox: Inbox,
        secrets: Callable[[], Sequence[str]],
        clock: Callable[[], datetime],
        metrics: Metrics,
        *,
        body_deadline: timedelta = BODY_DEADLINE,
    ) -> None:
        self._inbox = inbox
        self._secrets = secrets
        self._clock = clock
        self._metrics = metrics
        self._body_deadline = body_deadline
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            told = await self._answer(scope, receive)
        except Refusal as refusal:
            self._metrics.refused(refusal.status, refusal.why)
            logs.say_seldom("webhook.refused", status=refusal.status, why=refusal.detail)
            await answer(send, refusal.status, close=refusal.status in (413, 503))
        else:
            await answer(send, 200 if told else 204, told)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Refusal(405, "method")
        secrets = [secret for secret in self._secrets() if secret]
        if self.closing or not secrets:
            raise Refusal(503, "closing" if self.closing else "no secret configured")
        headers = headers_of(scope)
        body = await body_of(receive, headers, self._body_deadline)
        signed = "x-zm-signature" in headers or "x-zm-request-timestamp" in headers
        secret, forged = self._verified(body, headers, secrets) if signed else (None, UNSIGNED)
        if secret is None and (signed or len(body) > MAX_UNSIGNED_BYTES):
            raise Refusal(401, "forged", forged)
        challenge = _challenge(body)
        if challenge is not None:
            return await self._validate(challenge, body, headers, secret, secrets)
        if secret is None:
            raise Refusal(401, "forged", forged)
        await self._keep(Received(self._clock(), sha256(body).hexdigest(), body, _kept(headers)))
        return b""

    def _verified(self, body: bytes, headers: dict[str, str], secrets: Sequence[str]) -> tuple[str | None, str]:
        """The secret that signed the body, None and why where none did. Whatever goes wrong here is a forgery."""
        signature, timestamp = headers.get("x-zm-signature", ""), headers.get("x-zm-request-timestamp", "")
        now = self._clock()
        found = set()
        try:
            for secret in secrets:
                why = fault(body, signature=signature, timestamp=timestamp, secret=secret, now=now)
                if not why:
                    return secret, ""
                found.add(why)
        except Exception:
            return None, WRONG
        return None, next((why for why in (STALE, UNSIGNED) if why in found), WRONG)

    async def _validate(
        self, asked: Challenge, body: bytes, headers: dict[str, str], secret: str | None, secrets: Sequence[str]
    ) -> bytes:
        """Answer Zoom's challenge: signed rightly or not at all, and with a token that is one."""
        known = challenge_answer(asked.token, secret or secrets[0])
        if known is None:
            raise Refusal(400, "challenge")
        now = self._clock()
        # Each one that Zoom signed is a row of its own: an operator looks for the last that passed. Anybody can send
        # one without a signature: a row a minute is enough.
        once = f"{now.isoformat()} {body!r}" if secret else f"{now:%Y-%m-%dT%H:%M}"
        digest = sha256(f"{VALIDATION} {once}".encode()).hexdigest()
        await self._keep(Received(now, digest, body, _kept(headers), event=VALIDATION, state=HANDLED))
        self._metrics.validated(now)
        return json.dumps(known).encode()

    async def _keep(self, received: Received) -> None:
        try:
            await self._inbox.put(received)
        except TajoError:
            raise Refusal(503, "inbox") from None
        self._metrics.received()


@dataclass(frozen=True, slots=True)
class Challenge:
    """A URL validation; `token` is whatever stands in the token's place."""

    token: object


def _challenge(body: bytes) -> Challenge | None:
    if VALIDATION.encode() not in body:
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("event") != VALIDATION:
        return None
    payload = told.get("payload")
    return Challenge(payload.get("plainToken") if isinstance(payload, dict) else None)


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {name: headers[name][:200] for name in KEPT_HEADERS if name in headers}
