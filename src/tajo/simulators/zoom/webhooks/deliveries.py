"""What became of each attempt to deliver, and the state of the address's validation."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Literal

from tajo.simulators.zoom.webhooks.event import event_ts
from tajo.simulators.zoom.webhooks.wire import Reply

VALIDATION = "endpoint.url_validation"
EVERY = timedelta(hours=72)
MAILED_AFTER = (2, 4)
DISABLED_AFTER = 6


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: 0 the first, 1 to 3 the retries. `status` 0: no answer, `code` and `reason` tell why."""

    at: datetime
    event: str
    attempt: int
    status: int
    outcome: Literal["delivered", "to_be_retried", "dropped"]
    reason: str
    code: int
    request_id: str
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """Zoom writes to the app's owner: the address failed `failures` validations in a row."""

    at: datetime
    failures: int


@dataclass(slots=True)
class Validation:
    """Passed once (`due` is then the next time), failing for some time, or disabled."""

    due: datetime | None = None
    failures: int = 0
    disabled: bool = False
    mails: list[Mail] = field(default_factory=list)

    def begin(self, due: datetime) -> None:
        """The check that was due begins; the next one does not wait for its end."""
        self.due = due + EVERY

    def passed(self, now: datetime) -> None:
        self.due, self.failures, self.disabled = now + EVERY, 0, False

    def failed(self, now: datetime) -> None:
        """One of the regular checks went wrong."""
        self.failures += 1
        if self.failures in MAILED_AFTER:
            self.mails.append(Mail(now, self.failures))
        if self.failures >= DISABLED_AFTER:
            self.disabled, self.due = True, None


def plain_token(rng: Random) -> str:
    """22 URL-safe characters."""
    return base64.urlsafe_b64encode(rng.randbytes(16)).decode()[:22]


def challenge(token: str, at: datetime) -> dict[str, Any]:
    """The body of a validation."""
    return {"payload": {"plainToken": token}, "event_ts": event_ts(at), "event": VALIDATION}


def is_met(reply: Reply, token: str, secret: str) -> bool:
    """Whether the answer is a 200 with the token and its HMAC under the secret. Without a body it is not."""
    if reply.status != 200:
        return False
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return False
    expected = hmac.new(secret.encode(), token.encode(), sha256).hexdigest()
    return isinstance(answer, dict) and (answer.get("plainToken"), answer.get("encryptedToken")) == (token, expected)
