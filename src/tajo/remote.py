"""The SDK's other side: a running service's HTTP API (docs/api.md), with the same results and the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from tajo.core.errors import ConfigError, ContractError, CredentialError, TajoError, TransientError
from tajo.http import Http, Reply

TIMEOUT_S = 100.0  # a vendor's silence is given up on after 60 s
FIRST_POLL_S, LONGEST_POLL_S = 0.1, 2.0
PATIENCE_POLLS = 30  # polls in a row without an answer: a service that restarts takes a run up again


class Remote:
    """One service. ConfigError for an address that is not https (but on this machine), and for a key that cannot be."""

    def __init__(self, base_url: str, api_key: str, *, app: Any = None) -> None:
        key = api_key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError(
                "there is no API key, or it has characters that no key has",
                origin="TajoClient.api_key",
                hint="give api_key, or set TAJO_API_KEY, to what the service has",
            )
        self._http = Http(base_url, app=app, timeout_s=TIMEOUT_S)
        self._headers = {"authorization": f"Bearer {key}", "accept": "application/json"}

    async def close(self) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON; the service's error as the class that it was there."""
        origin = f"api.{path.split('?')[0].strip('/').replace('/', '.')}"
        reply = await self._http.send(method, f"/api/v1{path}", origin=origin, headers=self._headers, body=body)
        if 200 <= reply.status < 300:
            return reply.json(origin)
        raise _error(reply, origin)

    # --- what the client offers ---

    async def connect(self, given: Mapping[str, str | None]) -> dict[str, Any]:
        body = {name: value for name, value in given.items() if value is not None}
        return dict(await self.call("POST", "/connectors/zoom/connect", body))

    async def sync(self, *, dry_run: bool, **window: Any) -> dict[str, Any]:
        """Hand the request over and wait until it is carried out; the summary."""
        body = {name: _day(value) for name, value in window.items() if value is not None}
        begun = await self.call("POST", "/connectors/zoom/sync", {**body, "dry_run": dry_run})
        return await self._summary(str(begun["run"]))

    async def _summary(self, run_id: str) -> dict[str, Any]:
        wait, failures = FIRST_POLL_S, 0
        while True:
            try:
                run = await self.call("GET", f"/runs/{quote(run_id, safe='')}")
                failures = 0
            except TransientError:
                failures += 1
                if failures >= PATIENCE_POLLS:
                    raise
                run = {"summary": None}
            if run["summary"] is not None:
                return dict(run["summary"])
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, LONGEST_POLL_S)

    async def connectors(self) -> list[dict[str, str]]:
        return [dict(each) for each in await self.call("GET", "/connectors")]

    async def status(self) -> dict[str, Any]:
        return dict(await self.call("GET", "/connectors/zoom/status"))

    async def disconnect(self) -> bool:
        return bool((await self.call("POST", "/connectors/zoom/disconnect", {}))["disconnected"])

    async def handle_webhook(self, topic: str, payload: Mapping[str, Any], event_ts: int | None) -> dict[str, Any]:
        body = {"topic": topic, "payload": dict(payload), "event_ts": event_ts}
        return dict(await self.call("POST", "/connectors/zoom/webhooks", body))

    async def write_contact(self, email: str, attributes: Mapping[str, Any], list_ids: list[int]) -> dict[str, Any]:
        plain = {name: _plain(value) for name, value in attributes.items()}
        body = {"email": email, "attributes": plain, "list_ids": list_ids}
        return dict(await self.call("POST", "/contacts", body))

    async def why(self, email: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = (await self.call("POST", "/why", {"email": email}))["story"]
        return found


def _error(reply: Reply, origin: str) -> TajoError:
    """What the service raised; something else in its place is told by its status."""
    from tajo.core.problems import error_of

    try:
        problem = reply.json(origin)["error"]
        return error_of({"message": problem["message"], "origin": "", "hint": "", "exit": 1, **problem})
    except (ContractError, KeyError, TypeError, AttributeError):
        pass
    if reply.status >= 500:
        return TransientError(f"the service answers {reply.status}", origin=origin, hint="try again, or see its log")
    if reply.status in (401, 403):
        return CredentialError(
            f"something before the service answers {reply.status}", origin=origin, hint="see a proxy"
        )
    return ContractError(
        f"no answer of a Tajo service ({reply.status})",
        origin=origin,
        hint="check base_url: does it lead to tajo serve?",
    )


def _day(value: Any) -> Any:
    """A moment or a day as the API takes it: the UTC day."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date().isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: Any) -> Any:
    """An attribute's value as JSON has it; times and days as text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
