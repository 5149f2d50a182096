"""What differs between accounts, is undocumented, or goes wrong on the way of an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WebhookSwitches:
    """The defaults are a quiet day: everything arrives once, in order, as documented."""

    # --- which events there are ---
    breakout_rooms: Literal["plain", "own", "both"] = "plain"  # own: participant_joined_breakout_room and left_...
    practice_session_rows: bool = True
    approved_follows_automatic: bool = False  # registration_approved after a registration that needed no approval
    deauthorized_ts: Literal["text", "number"] = "text"  # schema: number, sample: text

    # --- how they are written ---
    json: Literal["canonical", "spaced", "escaped"] = "canonical"  # escaped: non-ASCII letters and slashes as \u, \/
    authorization: str = ""  # the old verification token, or what the subscription's own authorisation sends
    timestamp_skew_s: float = 0.0  # of the header; -0.015 to +1 was measured

    # --- on the way, for `send_all` and `play` ---
    shuffled: bool = False  # `send_all` only
    duplicate_rate: float = 0.0  # share of events that come twice: same bytes, same request id
    twin_recordings: bool = False  # a second recording.completed with other download addresses and token
    drop_rate: float = 0.0  # share of events that never come
    lost_events: frozenset[str] = frozenset()  # names that never come
    late_rate: float = 0.0  # share of events that come `late_by` later
    late_by: timedelta = timedelta(hours=3)
    concurrency: int = 1  # deliveries under way at once, in `send_all` and `tick`

    # --- delivery ---
    timeout_s: float = 3.0  # real seconds for an answer
    retry_after: tuple[timedelta, ...] = (5 * MINUTE, 20 * MINUTE, 60 * MINUTE)  # each after the attempt before it
    validation_signed: bool = True
