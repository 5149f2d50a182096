"""What a careful client avoids although Brevo accepts it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

SAFE_IMPORT_BYTES = 8 * 1024 * 1024  # recommended by Brevo; the limit is 10 MB
_LIFTING = ("emailBlacklisted", "smsBlacklisted", "emailBlacklist", "smsBlacklist")


def complaints(bodies: Iterable[tuple[str, str, Any]]) -> list[str]:
    """One line for each accepted body that lifts a blocklist by an explicit false, or imports more than 8 MB."""
    found = []
    for method, path, body in bodies:
        if not isinstance(body, dict):
            continue
        entries = [body, *(entry for entry in body.get("contacts") or [] if isinstance(entry, dict))]
        found += [
            f"{method} {path}: {name} is false" for name in _LIFTING if any(e.get(name) is False for e in entries)
        ]
        if path == "/contacts/import":
            size = len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
            if size > SAFE_IMPORT_BYTES:
                found.append(f"{method} {path}: {size} bytes")
    return found
