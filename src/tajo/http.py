"""The HTTP edge: the one module that imports the HTTP library; none of its types is in our interface."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2

from tajo.core.errors import ConfigError, ContractError, TransientError

T = TypeVar("T")

TIMEOUT_S = 30.0  # ours; Zoom and Brevo publish none
MAX_REPLY_BYTES = 32 * 1024 * 1024  # ours; the largest honest page is some hundred kB


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status as an int (a CDN's 520 included), header names in lower case, the body's bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, origin: str) -> Any:
        """The body as JSON; ContractError when it is HTML, cut off, or not JSON at all."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise ContractError(
                f"the answer is not JSON ({len(self.body)} bytes, {kind})",
                origin=origin,
                hint="a proxy may be answering in the service's place; try again, then look at the network",
            ) from None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request as a value: a call carries its own parser, so its module needs no client to be tested.

    `path` is already percent-encoded and starts with "/"; `parse` turns the JSON of a successful answer (None for an
    empty body) into a typed value. `label` names the budget it is counted on; `origin` names it in errors and counts.
    """

    method: str
    path: str
    parse: Callable[[Any], T]
    origin: str
    label: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    repeatable: bool = True  # False: an attempt without an answer is not repeated blindly


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine, by name or address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_tls(url: str, *, origin: str) -> None:
    """ConfigError when an address outside this machine is not https."""
    if urlsplit(url).scheme != "https" and not is_loopback(url):
        raise ConfigError(f"{url} is not https", origin=origin, hint="write the address with https://")


class Http:
    """A connection pool to one base URL. TLS 1.2 or newer, no redirects, no retries, no proxy surprises.

    `app` is an ASGI application to talk to in process instead of the network.
    """

    def __init__(self, base_url: str, *, app: Any = None, timeout_s: float = TIMEOUT_S) -> None:
        require_tls(base_url, origin="http")
        self.base_url = base_url.rstrip("/")
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app) if app is not None else None,
            verify=context,
            timeout=timeout_s,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=32),
        )

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        origin: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and read the whole answer.

        `body` goes as JSON, `form` as a form. TransientError when no complete answer came; `ambiguous` tells whether
        the request may have arrived.
        """
        url = self.base_url + path + (f"?{urlencode(query)}" if query else "")
        content, extra = _content(body, form)
        try:
            async with self._client.stream(
                method, url, headers={**extra, **(headers or {})}, content=content
            ) as response:
                data = await _read(response, origin)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TransientError(f"no connection ({_name(error)})", origin=origin) from None
        except (httpx2.RequestError, ConnectionError) as error:
            # Broken off, or a body that does not unpack; an application in process breaks off with the bare error.
            raise TransientError(f"no answer ({_name(error)})", origin=origin, ambiguous=True) from None
        names = {name.lower(): value for name, value in response.headers.items()}
        return Reply(int(response.status_code), names, data)


def _content(body: Any, form: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {"content-type": "application/x-www-form-urlencoded"}
    if body is None:
        return None, {}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), {"content-type": "application/json"}


async def _read(response: httpx2.Response, origin: str) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MAX_REPLY_BYTES:
            raise ContractError(f"an answer of over {MAX_REPLY_BYTES} bytes", origin=origin)
    return bytes(data)


def _name(error: Exception) -> str:
    return type(error).__name__
