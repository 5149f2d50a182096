"""Whether Zoom sent this: signatures and the URL validation challenge. Pure functions over bytes.

Source: https://developers.zoom.us/docs/api/webhooks/
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

FRESHNESS = timedelta(minutes=5)  # ours: Zoom documents none; a retry is signed anew, so an old one is a replay
UNSIGNED, WRONG, STALE = "no signature", "wrong signature", "stale timestamp"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{10}")


def is_genuine(body: bytes, *, signature: str, timestamp: str, secret: str, now: datetime) -> bool:
    """Whether the holder of `secret` signed these exact bytes within five minutes of `now` (aware UTC), either way.

    `body` is the request as received: JSON that was parsed and dumped again has other bytes. `signature` is the
    header x-zm-signature, `timestamp` x-zm-request-timestamp in Unix seconds. Hostile input is not genuine, and never
    an exception; an empty secret signs nothing.
    """
    return not fault(body, signature=signature, timestamp=timestamp, secret=secret, now=now)


def fault(body: bytes, *, signature: str, timestamp: str, secret: str, now: datetime) -> str:
    """Why `is_genuine` says no, "" where it says yes. For the operator: the sender is never told.

    STALE is rightly signed: a clock is wrong, or somebody sends again what they overheard.
    """
    if not signature or not timestamp:
        return UNSIGNED
    if not secret or not _SIGNATURE.fullmatch(signature) or not _SECONDS.fullmatch(timestamp):
        return WRONG
    expected = "v0=" + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return WRONG
    return STALE if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > FRESHNESS else ""


def challenge_answer(plain_token: object, secret: str) -> dict[str, str] | None:
    """The answer to endpoint.url_validation; None for a token that is none.

    A token is letters, digits, "_" and "-" only. Anything else could be the text of a signature ("v0:time:body"), and
    answering would sign a forgery for whoever asks.
    """
    if not secret or not isinstance(plain_token, str) or not _TOKEN.fullmatch(plain_token):
        return None
    digest = hmac.new(secret.encode(), plain_token.encode(), sha256).hexdigest()
    return {"plainToken": plain_token, "encryptedToken": digest}
