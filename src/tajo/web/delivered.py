"""What the webhook routes share: a bounded body, and answers that senders understand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.types import Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024  # the largest event seen is 6.5 kB
BODY_DEADLINE = timedelta(seconds=8)  # ours; Zoom itself gives up after 3 s


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """The request ends with this status. `detail` is for the log alone: the counters know `why`."""

    def __init__(self, status: int, why: str, detail: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.detail = detail or why


def headers_of(scope: Scope) -> dict[str, str]:
    """Names in lower case; of a header that is there twice the last counts."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def body_of(receive: Receive, headers: dict[str, str], deadline: timedelta) -> bytes:
    """The whole body; Refusal when it is too large or too slow."""
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:12]) > MAX_BODY_BYTES:
        raise Refusal(413, "too large")
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            return await _read(receive)
    except TimeoutError:
        raise Refusal(503, "slow body") from None


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(503, "disconnected")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise Refusal(413, "too large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def answer(send: Send, status: int, body: bytes = b"", *, close: bool = False) -> None:
    """Send the answer; 503 says when to come again."""
    headers = [(b"content-length", str(len(body)).encode())] if status != 204 else []
    if body:
        headers.append((b"content-type", b"application/json"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"60"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
