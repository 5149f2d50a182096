"""The request itself: bytes, signature, headers, and how it is carried.

Source: https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events ; the headers beside the documented ones as
measured on a live account.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

import httpx2
from starlette.types import ASGIApp

from tajo.simulators.zoom.webhooks.switches import WebhookSwitches

# Zoom's own codes for what is no HTTP status.
READ_TIMEOUT, REFUSED, BROKEN, CONNECT_TIMEOUT = -1, -2, -3, -4


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `status` 0 when nothing did, then `code` and `reason` tell why."""

    status: int
    body: bytes = b""
    code: int = 0
    reason: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_retried(self) -> bool:
        """Errors of the server and of the transport only: 3xx and 4xx are final, 429 among them."""
        return self.status == 0 or self.status >= 500


Post = Callable[[str, bytes, dict[str, str]], Awaitable[Reply]]  # (url, body, headers)


def raw_body(body: dict[str, Any], style: str = "canonical") -> bytes:
    """The bytes that are sent and signed; see `WebhookSwitches.json`."""
    if style == "spaced":
        return json.dumps(body, ensure_ascii=False, indent=1).encode()
    if style == "escaped":
        return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def sign(body: bytes, *, secret: str, timestamp: str) -> str:
    """The value of x-zm-signature for these bytes."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, sha256).hexdigest()


def request_id(rng: Random) -> str:
    """A UUID with underscores; kept on retries."""
    text = rng.randbytes(16).hex()
    return "_".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def headers_of(
    body: bytes, *, secret: str, timestamp: str, id: str, client_id: str, rng: Random, switches: WebhookSwitches
) -> dict[str, str]:
    """All headers of a signed request; an empty secret leaves signature and timestamp out."""
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Zoom Marketplace/1.0a",
        "x-zm-request-id": id,
        "x-zm-trackingid": _tracking_id(rng),
        "traceparent": f"00-{rng.randbytes(16).hex()}-{rng.randbytes(8).hex()}-02",
        "zm-trace-upstream": "Meeting_Web_marketplace-consumer",
        "clientid": client_id,
        "accept-encoding": "gzip",
    }
    if secret:
        headers["x-zm-request-timestamp"] = timestamp
        headers["x-zm-signature"] = sign(body, secret=secret, timestamp=timestamp)
    if switches.authorization:
        headers["authorization"] = switches.authorization
    return headers


def _tracking_id(rng: Random) -> str:
    """Two forms were seen."""
    trace = rng.randbytes(16)
    return f"v=2.0;clid=us02;rid=WEB_{trace.hex()}" if trace[0] % 2 else f"EventService_{UUID(bytes=trace)}_3"


async def carry(post: Post, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Reply:
    """Post once; every failure of the transport becomes a reply."""
    try:
        async with asyncio.timeout(timeout_s):
            return await post(url, body, headers)
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout):
        return Reply(0, code=CONNECT_TIMEOUT, reason="connection timed out")
    except (TimeoutError, httpx2.TimeoutException):
        return Reply(0, code=READ_TIMEOUT, reason=f"no answer within {timeout_s:g} s")
    except (ConnectionRefusedError, httpx2.ConnectError):
        return Reply(0, code=REFUSED, reason="connection refused")
    except (OSError, httpx2.TransportError):
        return Reply(0, code=BROKEN, reason="connection broken")


def post_over_http(client: httpx2.AsyncClient | None = None) -> Post:
    """Over the network: a connection for each request, unless a `client` is given. Redirects are not followed."""

    async def post(url: str, body: bytes, headers: dict[str, str]) -> Reply:
        if client is not None:
            return _reply(await client.post(url, content=body, headers=headers, follow_redirects=False))
        async with httpx2.AsyncClient(verify=_certificates(), trust_env=False, timeout=None) as own:
            return _reply(await own.post(url, content=body, headers=headers))

    return post


def post_to(app: ASGIApp) -> Post:
    """Straight into an application in this process; an exception that it lets out is a 500.

    On a timeout the application's handler is cancelled, as by a client that hangs up.
    """

    async def post(url: str, body: bytes, headers: dict[str, str]) -> Reply:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport) as client:
            return _reply(await client.post(url, content=body, headers=headers))

    return post


def _reply(response: httpx2.Response) -> Reply:
    return Reply(response.status_code, response.content)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
