"""Cloud recordings as facts, and which of several is the one recording of a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import blake2b

from tajo.core.facts import Kind


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording of one instance, as it was last told; its files are not ours to keep.

    `share_url` is "" while there is none: then `told_at` is when Zoom was last asked in vain. `passcode` opens the
    share link; `transcript` is there when it was told of. `start` is the instance's; `expires_on` is the day on which
    Zoom deletes it, None where nobody said so.
    """

    uuid: str
    session_id: str
    kind: Kind
    topic: str
    share_url: str
    passcode: str = field(repr=False)
    duration_min: int
    transcript: bool
    told_at: datetime
    start: datetime | None = None
    expires_on: date | None = None

    @property
    def link(self) -> str:
        """A short name of the address and its passcode: another one has another name."""
        return blake2b(f"{self.share_url} {self.passcode}".encode(errors="replace"), digest_size=6).hexdigest()


def merged(before: Recorded, told: Recorded) -> Recorded:
    """What is known of one instance's recording after something more was told of it, in any order.

    What was told last of those that have an address stands. That there is a transcript, and the latest day on which it
    goes, are never forgotten.
    """
    newest = max(before, told, key=_order)
    days = [each.expires_on for each in (before, told) if each.expires_on is not None]
    starts = [each.start for each in (before, told) if each.start is not None]
    return replace(
        newest,
        transcript=before.transcript or told.transcript,
        expires_on=max(days, default=None),
        start=min(starts, default=None),
    )


def _order(each: Recorded) -> tuple[bool, datetime, str]:
    bare = replace(each, transcript=False, expires_on=None, start=None)
    return bool(each.share_url), each.told_at, f"{bare!r} {bare.passcode}"


def chosen(found: Iterable[Recorded]) -> Recorded | None:
    """The one recording of an occurrence out of those of its instances; None where none has an address.

    The longest, since a host who restarts leaves a short piece behind; of equally long ones the earliest. A function of
    the set, whatever its order.
    """
    return max((each for each in found if each.share_url), key=_rank, default=None)


def _rank(each: Recorded) -> tuple[int, float, str]:
    start = each.start or datetime.max.replace(tzinfo=UTC)
    return each.duration_min, -start.timestamp(), each.uuid
