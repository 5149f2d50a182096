"""What Brevo's flags and its blocklist mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tajo.core.suppression import Reason, Source, of_block, of_flags

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
OURS = frozenset({16, 17})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("unsubscribedViaEmail", Reason.UNSUBSCRIBED),
        ("unsubscribedViaApi", Reason.UNSUBSCRIBED),
        ("unsubscribedViaMA", Reason.UNSUBSCRIBED),
        ("hardBounce", Reason.HARD_BOUNCE),
        ("contactFlaggedAsSpam", Reason.COMPLAINT),
        ("adminBlocked", Reason.BLOCKED),
        ("something new", Reason.BLOCKED),
        ("", Reason.BLOCKED),
    ],
)
def test_every_entry_of_the_blocklist_suppresses(code: str, reason: Reason) -> None:
    found = of_block("Kim@Mail.example", code, None, NOW)
    assert (found.email, found.reason, found.source, found.at) == ("kim@mail.example", reason, Source.POLL, NOW)


def test_flags_of_a_contact() -> None:
    """Blocklisted, or unsubscribed from a list of ours; from others' lists is nothing to us."""

    def reason(*, blocklisted: bool = False, left: frozenset[int] = frozenset()) -> Reason | None:
        found = of_flags("kim@mail.example", blocklisted=blocklisted, left=left, ours=OURS, at=NOW)
        return found.reason if found else None

    assert reason() is None
    assert reason(left=frozenset({2})) is None
    assert reason(left=frozenset({2, 17})) is Reason.UNSUBSCRIBED
    assert reason(blocklisted=True, left=frozenset({17})) is Reason.BLOCKLISTED
