"""The account removed the app: its tokens are dead, and what was read from it has to go."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tajo.connectors.zoom.api.oauth import level_of
from tajo.connectors.zoom.events import Deauthorized
from tajo.store import notes, signins
from tajo.store.leaving import forget_everything_told
from tajo.workflows.services import CONNECTED

REMOVED_AT = "connector.zoom.removed_at"
REMOVED = "the app was removed from the account"


def leave(connection: sa.Connection, told: Deauthorized, account_id: str) -> bool:
    """Delete tokens, facts and rosters, and forget the connection; False where the event is not about it.

    `account_id` is the configured one, "" if none. Another account's or user's event is none of ours; neither is one
    of before the last connection or removal, however late or often it comes.
    """
    signed_in = signins.known(connection)
    ours = {account_id, signed_in.account_id if signed_in else ""} - {""}
    if told.account_id and ours and told.account_id not in ours:
        return False
    if signed_in is not None and _of_another_user(told, signed_in):
        return False
    before = removed_at(connection)
    if before is not None and told.at < before:
        return False
    connected = notes.get(connection, CONNECTED)
    since = [datetime.fromisoformat(connected)] if connected else []
    since += [signed_in.signed_in_at] if signed_in else []
    if any(moment > told.at for moment in since):
        return False
    forget_everything_told(connection, told.at)
    notes.forget(connection, CONNECTED)
    notes.put(connection, REMOVED_AT, told.at.isoformat())
    return True


def _of_another_user(told: Deauthorized, signed_in: signins.Known) -> bool:
    """Where each user signs in for themselves, one who leaves takes nobody else along."""
    if level_of(signed_in.scopes) == "account":
        return False
    return bool(told.user_id and signed_in.user_id and told.user_id != signed_in.user_id)


def removed_at(connection: sa.Connection) -> datetime | None:
    """When the app was last removed: nothing of before counts any more."""
    known = notes.get(connection, REMOVED_AT)
    return datetime.fromisoformat(known) if known else None
