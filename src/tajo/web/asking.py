"""What every route of the HTTP API does: who asks, what is asked, and errors as JSON.

An error is {"error": {"message", "origin", "hint", "exit", "kind", "retry_at"}}, as the command line would say it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from tajo import logs
from tajo.config.model import SHORTEST_KEY
from tajo.core.errors import (
    ConfigError,
    ContractError,
    CredentialError,
    RejectedError,
    TajoError,
    TransientError,
    UsageError,
)
from tajo.core.problems import problem_of
from tajo.workflows.roles import BusyError

MAX_BODY_BYTES = 1024 * 1024
BODY_DEADLINE_S = 8.0  # ours

Body = Mapping[str, Any]
Work = Callable[[Request], Awaitable[tuple[int, Any]]]

# The first class that fits. Refused credentials of the vendors are not the caller's: neither 401 nor 403.
STATUSES: tuple[tuple[type[TajoError], int], ...] = (
    (UsageError, 400),
    (BusyError, 409),
    (ConfigError, 409),
    (RejectedError, 422),
    (CredentialError, 502),
    (ContractError, 502),
    (TransientError, 503),
)


class NotFoundError(TajoError):
    """There is no such thing."""


class ForbiddenError(CredentialError):
    """The caller has no key, or the service has none. `status` is 401 or 403."""

    def __init__(self, status: int, message: str, *, hint: str) -> None:
        super().__init__(message, origin="api", hint=hint)
        self.status = status


class TooLargeError(UsageError):
    """More was sent than anybody honest sends."""


def answering(work: Work, key: Callable[[], str]) -> Callable[[Request], Awaitable[Response]]:
    """The route's endpoint: checks the bearer, does the work, and makes an answer of what came of it."""

    async def endpoint(request: Request) -> Response:
        began = time.monotonic()
        try:
            admit(request, key())
            status, answer = await work(request)
            response = JSONResponse(answer, status)
        except TajoError as error:
            response = refusal(error)
        took = round((time.monotonic() - began) * 1000)
        name = work.__name__.strip("_")
        logs.say("api.called", method=request.method, route=name, status=response.status_code, ms=took)
        return response

    return endpoint


def admit(request: Request, key: str) -> None:
    """Return when the request carries the key; compared in constant time. Never open: without a key nobody comes in."""
    if len(key) < SHORTEST_KEY:
        logs.say_seldom("api.refused", status=403, why="no key configured")
        what = f"TAJO_API_KEY has fewer than {SHORTEST_KEY} signs" if key else "no TAJO_API_KEY is set"
        raise ForbiddenError(403, f"the HTTP API is off: {what}", hint="set it where the service runs, then restart it")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), key.encode()):
        logs.say_seldom("api.refused", status=401, why="wrong key" if given else "no key sent")
        raise ForbiddenError(
            401,
            "the API key is missing or wrong",
            hint="send the header `Authorization: Bearer KEY`, KEY being TAJO_API_KEY",
        )


def refusal(error: TajoError) -> JSONResponse:
    headers = {"cache-control": "no-store"}
    if isinstance(error, ForbiddenError):
        status = error.status
        headers |= {"www-authenticate": "Bearer"} if status == 401 else {}
    elif isinstance(error, NotFoundError):
        status = 404
    elif isinstance(error, TooLargeError):
        status = 413
    else:
        status = next((number for kind, number in STATUSES if isinstance(error, kind)), 500)
    headers |= {"retry-after": "60"} if status == 503 else {}
    return JSONResponse({"error": problem_of(error)}, status, headers)


# --- what is asked ---


def wrong(message: str, hint: str = "") -> UsageError:
    return UsageError(message, origin="api", hint=hint)


async def body_of(request: Request, *known: str) -> Body:
    """The request's JSON object, {} for an empty body. UsageError for anything else and for unknown keys."""
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            content = await _read(request)
    except (TimeoutError, ClientDisconnect):
        raise wrong("the body did not come") from None
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise wrong("the body is not JSON") from None
    if not isinstance(body, dict):
        raise wrong("the body is no JSON object")
    for name in body:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}" if known else ""
            raise wrong("the body has a key that is not known", hint)
    return body


async def _read(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise TooLargeError(f"the body has over {MAX_BODY_BYTES} bytes", origin="api")
    return bytes(content)


def text(body: Body, name: str, *, needed: bool = False) -> str | None:
    """A text, None when it is absent or null."""
    value = body.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or (needed and not value.strip()):
        raise wrong(f"{name} has to be text")
    if not _is_clean(value):
        raise wrong(f"{name} has characters that no text has")
    return value


def _is_clean(value: str) -> bool:
    """Whether a database takes it: half a surrogate pair and NUL are no text."""
    return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


def flag(body: Body, name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise wrong(f"{name} has to be true or false")
    return value


def mapping(body: Body, name: str, *, needed: bool = False) -> dict[str, Any]:
    value = body.get(name)
    if value is None and not needed:
        return {}
    if not isinstance(value, dict):
        raise wrong(f"{name} has to be an object")
    return value


def attributes(body: Body) -> dict[str, Any]:
    """Attribute → text, number, true, false or null."""
    found = mapping(body, "attributes")
    for value in found.values():
        if isinstance(value, dict | list) or (isinstance(value, str) and not _is_clean(value)):
            raise wrong("attributes have to be texts, numbers, true, false or null")
    return found


def list_ids(body: Body) -> frozenset[int]:
    found = body.get("list_ids")
    if found is None:
        return frozenset()
    if not isinstance(found, list) or not all(_is_list_id(each) for each in found):
        raise wrong("list_ids have to be numbers of lists", "write them like [15, 16]")
    return frozenset(found)


def _is_list_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63
