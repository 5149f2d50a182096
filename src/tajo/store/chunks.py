"""Many values in one question: as many as fit one IN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

CHUNK = 500  # parameters of one IN, well under every database's limit


def in_chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in sorted chunks that fit one IN."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
