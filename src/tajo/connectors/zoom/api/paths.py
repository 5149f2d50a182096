"""Ids and UUIDs as segments of a path.

Source: https://developers.zoom.us/docs/api/using-zoom-apis/#meeting-id-and-uuid
"""

from __future__ import annotations

from urllib.parse import quote

from tajo.core.errors import ContractError

# A path made of these would be another path: "/report/meetings/../participants".
_NO_SEGMENT = frozenset({"", ".", ".."})


def uuid_segment(uuid: str) -> str:
    """An instance's UUID as one segment: encoded once, and twice when it starts with "/" or contains "//".

    Zoom decodes such a UUID once before it splits the path, so one encoding would be another path (404).

    >>> uuid_segment("aDYlohsHRtCd4ii1uC2+hA==")
    'aDYlohsHRtCd4ii1uC2%2BhA%3D%3D'
    >>> uuid_segment("/ab//c==")
    '%252Fab%252F%252Fc%253D%253D'
    """
    once = id_segment(uuid)
    return quote(once, safe="") if uuid.startswith("/") or "//" in uuid else once


def id_segment(identifier: str) -> str:
    """A numeric id, user id or e-mail as one segment; ContractError for what cannot be one ("", ".", "..")."""
    if identifier in _NO_SEGMENT:
        raise ContractError(f"{identifier!r} is no id", origin="zoom.path")
    # Half a surrogate pair, which JSON may hold, has no UTF-8: it becomes "?", and Zoom knows no such id.
    return quote(identifier, safe="", errors="replace")
