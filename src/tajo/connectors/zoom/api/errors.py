"""What a refused or broken answer of Zoom means: one function from status, code and headers to one of our errors.

Zoom's body is {"code": 300, "message": "...", "errors": [...]}. The message may be in the account's language, so the
code decides; texts are looked at only where one code has two meanings, and never copied: they can name people.
Source: https://developers.zoom.us/docs/api/errors/
"""

# ruff: noqa: N818 — the classes are named after what is the case; all of them are TajoErrors

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo.connectors.zoom.api.limits import is_daily, retry_after
from tajo.connectors.zoom.api.scopes import SCOPES
from tajo.core.errors import ContractError, CredentialError, RejectedError, TajoError, TransientError
from tajo.http import Call, Reply


class TokenRefused(CredentialError):
    """The access token is expired, revoked or unknown: worth one new token and one more try."""


class ScopeMissing(CredentialError):
    """The app lacks a scope; any one of `scopes` would do. Where another call tells the same, that is a way round."""

    def __init__(self, message: str, *, origin: str = "", hint: str = "", scopes: tuple[str, ...] = ()) -> None:
        super().__init__(message, origin=origin, hint=hint)
        self.scopes = scopes


class RateLimited(TransientError):
    """A limit of the account is used up until `retry_at`; `daily` when it is the day's budget."""

    def __init__(
        self, message: str, *, origin: str = "", hint: str = "", retry_at: datetime | None, daily: bool
    ) -> None:
        super().__init__(message, origin=origin, hint=hint, retry_at=retry_at)
        self.daily = daily


class PageTokenExpired(TransientError):
    """A listing's page token is older than 15 minutes: begin again with the first page."""


class CapabilityMissing(RejectedError):
    """The account, its plan or the user lacks what the call needs: skip it for this user or account."""


class NotReady(RejectedError):
    """Not found, not ended, or its data is not there yet: the time since its end tells which."""


class NoRecording(RejectedError):
    """There is no recording, or it is still being processed: the time since its end tells which."""


class TooOld(RejectedError):
    """Ended longer ago than Zoom keeps reports (a year)."""


class WrongKind(RejectedError):
    """A webinar's id where a meeting's belongs, or a session without registration."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused answer, read: `code` is Zoom's own (0 if none), `message` is for telling meanings apart only."""

    status: int
    code: int
    message: str
    headers: Mapping[str, str]
    is_json: bool
    is_html: bool
    is_empty: bool

    def named(self) -> str:
        """What an operator or Zoom's support can look up: status, code and tracking id."""
        parts = [f"HTTP {self.status}"]
        if self.code:
            parts.append(f"Zoom code {self.code}")
        tracking = self.headers.get("x-zm-trackingid", "")
        if _TRACKING.fullmatch(tracking):
            parts.append(f"tracking id {tracking}")
        return ", ".join(parts)


_TRACKING = re.compile(r"[\w=;.:-]{1,120}", re.ASCII)
_SCOPE_LIST = re.compile(r"\[([^\]]*)\]")
_SCOPE = re.compile(r"[a-z_]+(?::[a-z_]+)+")
_SCOPE_CODES = frozenset({4711, 4700})


def error_for(call: Call[Any], reply: Reply, now: datetime, *, jitter: float = 0.5) -> TajoError:
    """The error that an answer without success is. `now` is aware UTC; `jitter`, 0 to 1, spreads the next attempts."""
    refusal = read_refusal(reply)
    return (
        _overload(call, refusal, now, jitter)
        or _unreadable(call, refusal)
        or _scope(call, refusal)
        or _token(call, refusal)
        or _by_code(call, refusal)
        or _by_status(call, refusal)
    )


def read_refusal(reply: Reply) -> Refusal:
    """Status, code and message of an answer; code 0 and "" where the body holds none."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    return Refusal(
        reply.status,
        code if isinstance(code, int) else 0,
        message if isinstance(message, str) else "",
        reply.headers,
        is_json=body is not None,
        is_html=reply.body.lstrip()[:1] == b"<",
        is_empty=not reply.body.strip(),
    )


def _overload(call: Call[Any], refusal: Refusal, now: datetime, jitter: float) -> TajoError | None:
    retry_at = retry_after(refusal.status, refusal.headers, refusal.message, now, call.label, jitter=jitter)
    if refusal.status == 429:
        daily = is_daily(refusal.headers, refusal.message, now)
        what = "daily budget" if daily else "rate limit"
        return RateLimited(
            f"Zoom's {what} for {call.label} calls is used up{_until(retry_at) if daily else ''} ({refusal.named()})",
            origin=call.origin,
            hint="other apps of the account share it; lower rate_share, or set plan to what the account has",
            retry_at=retry_at,
            daily=daily,
        )
    if refusal.status >= 500 or refusal.status == 408:
        return TransientError(f"Zoom is out of order ({refusal.named()})", origin=call.origin, retry_at=retry_at)
    return None


def _until(moment: datetime | None) -> str:
    return f" until {moment:%Y-%m-%d %H:%M} UTC" if moment is not None else ""


def _unreadable(call: Call[Any], refusal: Refusal) -> TajoError | None:
    if 300 <= refusal.status < 400:
        return ContractError(
            f"Zoom answers with a redirect ({refusal.named()})", origin=call.origin, hint="look at api_url"
        )
    if refusal.is_html or (refusal.status >= 400 and not refusal.is_json and not refusal.is_empty):
        return TransientError(
            f"something else answers in Zoom's place ({refusal.named()}, no JSON)",
            origin=call.origin,
            hint="look at the proxy or network if this stays",
        )
    return None


def _token(call: Call[Any], refusal: Refusal) -> TajoError | None:
    if refusal.code == 124 or refusal.status == 401:
        return TokenRefused(
            f"Zoom refuses the access token ({refusal.named()})",
            origin=call.origin,
            hint="see that the Zoom app is activated and its client secret is the current one",
        )
    return None


def _scope(call: Call[Any], refusal: Refusal) -> TajoError | None:
    listed = _SCOPE_LIST.search(refusal.message)
    accepted = tuple(dict.fromkeys(_SCOPE.findall(listed[1]))) if listed else ()
    if refusal.code not in _SCOPE_CODES and not (refusal.code == 104 and accepted):
        return None
    needed = SCOPES.get(call.origin)
    if not accepted and needed:
        accepted = (needed.granular, needed.classic)
    wanted = needed.granular if needed and needed.granular in accepted else (accepted or ("that the call needs",))[0]
    return ScopeMissing(
        f"the Zoom app lacks the scope {' or '.join(accepted) or 'for this call'} ({refusal.named()})",
        origin=call.origin,
        hint=f"add the scope {wanted} to the Zoom app, then run tajo check: only new tokens carry it",
        scopes=accepted,
    )


def _by_code(call: Call[Any], refusal: Refusal) -> TajoError | None:
    if refusal.code == 200:
        return _capability(call, refusal)
    if refusal.code == 300:
        return _validation(call, refusal)
    if refusal.code == 2300:
        return ContractError(
            f"Zoom knows no such call ({refusal.named()})", origin=call.origin, hint="look at api_url, then report it"
        )
    known = _CODES.get(refusal.code)
    return known[0](known[1], call, refusal) if known else None


_Make = Callable[[str, Call[Any], Refusal], TajoError]


def _rejected(kind: type[RejectedError], hint: str = "") -> _Make:
    def make(meaning: str, call: Call[Any], refusal: Refusal) -> TajoError:
        return kind(
            f"{meaning} ({refusal.named()})",
            origin=call.origin,
            hint=hint,
            status=refusal.status,
            code=str(refusal.code) if refusal.code else "",
        )

    return make


_CODES: Mapping[int, tuple[_Make, str]] = {
    1001: (_rejected(RejectedError), "Zoom knows no such user in this account"),
    1010: (_rejected(RejectedError), "the user or session is not of this account"),
    1120: (_rejected(RejectedError), "the user has not accepted the invitation to the account"),
    3000: (_rejected(WrongKind), "the session is of the other kind, or has no registration"),
    3001: (_rejected(NotReady), "the session does not exist, has not ended, or its data is not ready"),
    3161: (
        _rejected(CapabilityMissing, "give the user a licence that allows hosting"),
        "the user may not host such sessions",
    ),
    3301: (_rejected(NoRecording), "there is no recording, or it is still being processed"),
    12702: (_rejected(TooOld), "the session is older than the year that Zoom keeps reports"),
    12703: (_rejected(RejectedError), "the group may not be read"),
}

_ADD_ON = ("the host has no webinar plan", "give the host the webinar add-on, or set sync.webinars to false")
_PRO = ("the account's plan has no such report", "reports need Zoom's Pro plan or higher")
_BUSINESS = ("the account's plan has no dashboard", "dashboards need Zoom's Business plan or higher")
_ROLE = (
    "the account or the app's owner may not read this",
    "give the role of the app's owner the permissions User, Usage Report and Recording, and see that the plan has it",
)


def _capability(call: Call[Any], refusal: Refusal) -> TajoError:
    """Code 200 is a missing permission, add-on or plan; the text tells which, else the call's family does."""
    text = refusal.message.lower()
    if "webinar plan" in text:
        what = _ADD_ON
    elif "dashboard" in text or "business" in text:
        what = _BUSINESS
    elif "paid" in text:
        what = _PRO
    elif (
        call.origin.startswith(("zoom.webinars.", "zoom.users.webinars", "zoom.past.webinar"))
        and "permission" not in text
    ):
        what = _ADD_ON
    else:
        what = _ROLE
    return _rejected(CapabilityMissing, what[1])(what[0], call, refusal)


def _validation(call: Call[Any], refusal: Refusal) -> TajoError:
    """Code 300 with a page token is about the token: the first page was asked for with the same query."""
    if "next_page_token" in call.query:
        return PageTokenExpired(f"the page token has expired ({refusal.named()})", origin=call.origin)
    if "cannot access" in refusal.message.lower():
        return _rejected(WrongKind)("the session is of the other kind", call, refusal)
    return _rejected(RejectedError)("Zoom does not accept an id or parameter", call, refusal)


def _by_status(call: Call[Any], refusal: Refusal) -> TajoError:
    if refusal.status == 403:
        if "not permitted access" in refusal.message.lower():
            hint = "the user has to allow shared access for the Zoom app"
            return _rejected(CapabilityMissing, hint)("another user's data is not shared", call, refusal)
        return CredentialError(f"Zoom forbids the call ({refusal.named()})", origin=call.origin, hint=_ROLE[1])
    if refusal.status < 300:
        return ContractError(f"a success that cannot be read ({refusal.named()})", origin=call.origin)
    return _rejected(RejectedError)("Zoom refuses the call", call, refusal)
