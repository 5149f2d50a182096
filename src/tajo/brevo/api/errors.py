"""Brevo's refusals in our words: one function turns status, code, metadata and headers into an error.

The body is flat, {"code", "message"[, "metadata"]}: https://developers.brevo.com/docs/how-it-works
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tajo.brevo.api.limits import DOUBTFUL, OTHER, reset_s
from tajo.core.errors import ContractError, CredentialError, RejectedError, TajoError, TransientError
from tajo.http import Call, Reply

IPS_URL = "https://app.brevo.com/security/authorised_ips"
KEYS_URL = "https://app.brevo.com/settings/keys/api"
LONGEST_TEXT = 200  # ours: of Brevo's own words, this much is kept

DUPLICATE_CODES = frozenset({"duplicate_parameter", "duplicate_request"})
SENDING_CODES = frozenset({"not_enough_credits", "account_under_validation"})
EARLY_CODES = frozenset({"account_in_process"})

_EMAIL = re.compile(r"""[^\s<>"',;:()\[\]{}=]+(?:@|%40)[^\s<>"',;:()\[\]{}=]+""", re.IGNORECASE)
_DIGITS = re.compile(r"\+?\d[\d ()./-]{5,}\d")
_KEY = re.compile(r"\bx(?:keysib|smtpsib)-\S+", re.IGNORECASE)
_EXPIRED = re.compile(r"expire|inactiv|deactivat|disabled|not enabled|revoked", re.IGNORECASE)


class SendingBlocked(CredentialError):  # noqa: N818 - the state it leaves, as callers say it
    """Brevo sends no mail for this account: no credits left, or the account still under validation.

    Contacts and lists are not touched by it.
    """


class NotFound(RejectedError):  # noqa: N818 - the state it leaves, as callers say it
    """There is no such contact, list, process or page."""


class Clash(RejectedError):  # noqa: N818 - the state it leaves, as callers say it
    """Another contact holds the same identifier; `identifiers` are their names in capitals (EMAIL, SMS, EXT_ID …).

    () when Brevo did not say which. The whole write was refused, not only that field.
    """


class RateLimited(TransientError):  # noqa: N818 - the state it leaves, as callers say it
    """Over the limit; the call was not done. `retry_at` is always set."""

    retry_at: datetime


class TooEarly(TransientError):  # noqa: N818 - the state it leaves, as callers say it
    """425: Brevo is still busy with this contact or account; the call was not done. Undocumented beyond its name."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What there is to judge by; `text` is scrubbed, `raw` is Brevo's message for matching only."""

    origin: str
    label: str
    status: int
    code: str
    raw: str
    text: str
    identifiers: tuple[str, ...]
    foreign: bool  # a body that is not Brevo's JSON: a proxy's or CDN's page
    reset_s: float | None
    now: datetime

    @property
    def words(self) -> str:
        """Status, code and message in one: 400 invalid_parameter "Invalid date"."""
        quoted = f'"{self.text}"' if self.text else ""
        return " ".join(part for part in (str(self.status), self.code, quoted) if part)


def error_for(call: Call[Any], reply: Reply, now: datetime) -> TajoError:
    """The error that this answer (any status but 2xx) means for this call; `now` is aware UTC.

    A 5xx is always `ambiguous`: Brevo may have done the work before it failed.
    """
    refusal = _refusal(call, reply, now)
    return _judge(refusal)(refusal)


def body_of(reply: Reply) -> Mapping[str, Any] | None:
    """The answer's JSON object, None when the body is anything else."""
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def scrub(message: str) -> str:
    """A vendor's sentence fit for logs: no e-mail address, no phone number, no key, one line, not long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    text = _DIGITS.sub("‹number›", _EMAIL.sub("‹e-mail›", _KEY.sub("‹key›", text)))
    # What still has an @ is an address in a form we do not know (a quoted local part): then nothing is kept.
    return "" if "@" in text else text[:LONGEST_TEXT]


def _refusal(call: Call[Any], reply: Reply, now: datetime) -> _Refusal:
    body = body_of(reply)
    known = body or {}
    code, raw, metadata = known.get("code"), known.get("message"), known.get("metadata")
    raw = raw if isinstance(raw, str) else ""
    names = metadata.get("duplicate_identifiers") if isinstance(metadata, dict) else None
    return _Refusal(
        origin=call.origin,
        label=call.label,
        status=reply.status,
        code=scrub(str(code)) if isinstance(code, str | int) else "",
        raw=raw,
        text=scrub(raw),
        identifiers=tuple(scrub(str(name)).upper() for name in names) if isinstance(names, list) else (),
        foreign=body is None and bool(reply.body.strip()),
        reset_s=reset_s(reply.headers),
        now=now,
    )


def _judge(refusal: _Refusal) -> Callable[[_Refusal], TajoError]:
    status = refusal.status
    if status in _BY_STATUS_FIRST:
        return _BY_STATUS_FIRST[status]
    if status < 400:
        return _redirected
    if status >= 500 or refusal.foreign:
        return _unanswered
    if refusal.code in SENDING_CODES:
        return _sending_blocked
    if refusal.code in EARLY_CODES:
        return _too_early
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return _clash if refusal.identifiers or refusal.code in DUPLICATE_CODES else _rejected


def _redirected(refusal: _Refusal) -> TajoError:
    return ContractError(
        f"Brevo's address answers {refusal.status}; the key is not sent on to another address",
        origin=refusal.origin,
        hint="check brevo.api_url; Brevo's own is https://api.brevo.com/v3",
    )


def _unanswered(refusal: _Refusal) -> TajoError:
    who = "something before Brevo" if refusal.foreign else "Brevo"
    ambiguous = refusal.status >= 500 or refusal.status == 408
    return TransientError(f"{who} answers {refusal.words}", origin=refusal.origin, ambiguous=ambiguous)


def _limited(refusal: _Refusal) -> TajoError:
    wait_s = refusal.reset_s or (60.0 if refusal.label in (OTHER, *DOUBTFUL) else 1.0)
    retry_at = refusal.now + timedelta(seconds=wait_s)
    label = refusal.label.replace("_", " ")
    return RateLimited(
        f"Brevo's limit for {label} calls is used up until {retry_at:%H:%M} UTC",
        origin=refusal.origin,
        hint="other programs with keys of the account share it; run the same command again then",
        retry_at=retry_at,
    )


def _too_early(refusal: _Refusal) -> TajoError:
    return TooEarly(f"Brevo is not ready for this yet: {refusal.words}", origin=refusal.origin)


def _unauthorized(refusal: _Refusal) -> TajoError:
    message, hint = _access(refusal.raw)
    return CredentialError(message, origin=refusal.origin, hint=hint)


def _access(raw: str) -> tuple[str, str]:
    """What is wrong with our access, and the remedy. Only the text tells the causes apart."""
    said = raw.lower()
    if "unrecognised ip" in said or "unrecognized ip" in said or "authorised_ips" in said:
        ip = _ip(raw)
        return f"Brevo does not accept calls from the IP address {ip or 'of this machine'}", f"add it at {IPS_URL}"
    if "not found in headers" in said:
        return (
            "no api-key header reached Brevo",
            "a proxy may drop it; let requests to brevo.api_url pass unchanged",
        )
    if _EXPIRED.search(raw):
        return (
            "the Brevo API key has expired or was switched off",
            f"make a new one at {KEYS_URL}; a key unused for 90 days expires",
        )
    if "key not found" in said:
        return (
            "Brevo does not know this API key",
            f"copy it again from {KEYS_URL}; an SMTP or MCP key is another thing",
        )
    return (
        "Brevo refuses the access (401)",
        f"look at the key's state at {KEYS_URL} and at the authorised IPs at {IPS_URL}",
    )


def _ip(raw: str) -> str:
    for token in re.findall(r"[0-9A-Fa-f:.]+", raw):
        try:
            return str(ipaddress.ip_address(token.strip(".:") if token.count(":") < 2 else token.rstrip(".")))
        except ValueError:
            continue
    return ""


def _sending_blocked(refusal: _Refusal) -> TajoError:
    if refusal.code == "account_under_validation":
        hint = "finish the validation in Brevo or ask its support; contacts are written meanwhile"
        return SendingBlocked("Brevo has not activated sending for this account", origin=refusal.origin, hint=hint)
    hint = "buy credits in Brevo or wait for the plan's next period"
    return SendingBlocked(f"no sending credits left in Brevo ({refusal.words})", origin=refusal.origin, hint=hint)


def _forbidden(refusal: _Refusal) -> TajoError:
    hint = "the plan or the key's owner lacks this right; look at the account's plan and users"
    return CredentialError(f"Brevo forbids this: {refusal.words}", origin=refusal.origin, hint=hint)


def _gone(refusal: _Refusal) -> TajoError:
    hint = "Brevo may have retired this endpoint; look for an update of Tajo"
    return ContractError(f"Brevo no longer takes this call: {refusal.words}", origin=refusal.origin, hint=hint)


def _not_found(refusal: _Refusal) -> TajoError:
    message = f"Brevo knows no such thing: {refusal.words}"
    return NotFound(message, origin=refusal.origin, status=refusal.status, code=refusal.code)


def _clash(refusal: _Refusal) -> TajoError:
    names = ", ".join(refusal.identifiers) or "an identifier"
    return Clash(
        f"another contact in Brevo already has {names}: {refusal.words}",
        origin=refusal.origin,
        status=refusal.status,
        code=refusal.code,
        identifiers=refusal.identifiers,
    )


def _rejected(refusal: _Refusal) -> TajoError:
    message = f"Brevo refuses this: {refusal.words}"
    return RejectedError(message, origin=refusal.origin, status=refusal.status, code=refusal.code)


_BY_STATUS_FIRST: Mapping[int, Callable[[_Refusal], TajoError]] = {  # whatever the body is
    401: _unauthorized,
    408: _unanswered,
    425: _too_early,
    429: _limited,
}
_BY_STATUS: Mapping[int, Callable[[_Refusal], TajoError]] = {
    402: _sending_blocked,
    403: _forbidden,
    404: _not_found,
    405: _gone,
    410: _gone,
}
