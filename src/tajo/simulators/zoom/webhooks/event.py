"""One event as a value, and the frames around events: each family has its own order of keys."""

from __future__ import annotations

import copy
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from tajo.simulators.world import World
from tajo.simulators.zoom.call import utc

Json = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """What Zoom reports, `at` which time (aware UTC, its event_ts), and the body of the request."""

    at: datetime
    name: str
    body: Json


def event_ts(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def shortly(at: datetime, key: str, *, least_ms: int = 300) -> datetime:
    """When Zoom tells of what happened `at`: within the next second or so, the same for the same `key`."""
    return at + timedelta(milliseconds=least_ms + zlib.crc32(key.encode()) % 900)


def lifecycle(name: str, at: datetime, payload: Json) -> Event:
    """started, ended"""
    return Event(at, name, {"event": name, "payload": payload, "event_ts": event_ts(at)})


def live(name: str, at: datetime, payload: Json, **more: str) -> Event:
    """Participants and recordings; `more` comes last (download_token)."""
    return Event(at, name, {"payload": payload, "event_ts": event_ts(at), "event": name, **more})


def signup(name: str, at: datetime, payload: Json) -> Event:
    """Registrations"""
    return Event(at, name, {"event": name, "event_ts": event_ts(at), "payload": payload})


def app_deauthorized(
    world: World,
    *,
    at: datetime,
    client_id: str = "simulated-client-id",
    user_id: str = "",
    ts: Literal["text", "number"] = "text",
) -> Event:
    """The app was removed by a user (the first one unless given). Its event_ts is inside the payload."""
    user_id = user_id or world.users[0].id
    payload: Json = {
        "account_id": world.account_id,
        "user_id": user_id,
        "signature": sha256(f"{client_id}{user_id}".encode()).hexdigest(),
        "deauthorization_time": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
        "client_id": client_id,
        "event_ts": at.strftime("%Y-%m-%d %H:%M:%S") if ts == "text" else event_ts(at),
    }
    return Event(at, "app_deauthorized", {"event": "app_deauthorized", "payload": payload})


def unknown(world: World, name: str, *, at: datetime, **fields: Any) -> Event:
    """An event of a name that a receiver may not know; `fields` are those of its object."""
    return signup(name, at, {"account_id": world.account_id, "object": fields or {"date_time": utc(at)}})


def twin(event: Event) -> Event:
    """The same recording told of once more, with other download addresses and another token."""
    body = copy.deepcopy(event.body)
    for file in body["payload"]["object"]["recording_files"]:
        file["download_url"] += "-twin"
    if "download_token" in body:
        body["download_token"] += "-twin"
    return event._replace(body=body)
