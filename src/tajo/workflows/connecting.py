"""Connecting: access is proved, and what Brevo lacks is created."""

from __future__ import annotations

from typing import Any

from tajo.brevo import schema
from tajo.config.model import Config
from tajo.connectors.zoom.api import users
from tajo.connectors.zoom.api.errors import ScopeMissing
from tajo.connectors.zoom.api.scopes import missing
from tajo.core.errors import CredentialError
from tajo.store import letters, notes, runs, signins
from tajo.store.database import Database
from tajo.workflows import opt_out_webhooks
from tajo.workflows.checking import READ
from tajo.workflows.planning import check_types, list_ids
from tajo.workflows.services import CONNECTED, Services
from tajo.workflows.signin import SignIns


async def connect(services: Services) -> dict[str, Any]:
    """Prove access to both sides, create missing attributes and lists, and note the time of the first connection.

    With server.public_url Brevo's webhooks about opt-outs are registered, too.

    CredentialError naming every missing scope; ConfigError for a type that clashes or a list number nobody has.
    """
    token = await services.tokens.token()
    if lacking := missing(token.scopes, features(services), token.level):
        scopes = list(dict.fromkeys(needed.granular for needed in lacking.values()))
        raise CredentialError(
            f"the Zoom app lacks the scopes {', '.join(scopes)}",
            origin="zoom.token",
            hint="add them on the app's page Scopes, then connect again: only new tokens carry them",
        )
    found = await schema.read(services.brevo)
    list_ids(services, found)  # nothing is created while something is wrong
    check_types(services, found)
    created = await schema.create_attributes(services.brevo, schema.missing(services.mapping, found))
    found = await schema.read(services.brevo) if created else found
    lists = []
    for membership, id_ in list_ids(services, found).items():
        if id_ < 0:
            name = str(getattr(services.connector.lists, membership.value))
            lists.append({"name": name, "id": await schema.create_list(services.brevo, name)})
    services.schema = None
    at = await services.database.read(notes.get, CONNECTED)
    if at is None:
        at = services.clock().isoformat()
        await services.database.write(notes.put, CONNECTED, at)
    opt_outs = await opt_out_webhooks.register(services)
    return {
        "connector": "zoom",
        "connected_at": at,
        "created_attributes": created,
        "created_lists": lists,
        "opt_outs": opt_outs.json(),
    }


def features(services: Services) -> list[str]:
    """The families that are read, as far as they are switched on."""
    return [name for name in READ if getattr(services.connector.sync, name)]


def listed(config: Config, *, signed_in: bool) -> list[dict[str, str]]:
    """The connectors, each configured, not configured or disabled; a user's sign-in needs no account id."""
    zoom = config.connectors.zoom
    ready = zoom.client_id and zoom.client_secret and (zoom.account_id or signed_in)
    state = "disabled" if not zoom.enabled else "configured" if ready else "not configured"
    return [{"connector": "zoom", "state": state}]


async def status(database: Database) -> dict[str, Any]:
    """When it was connected, what the last run did, and what nobody has dealt with yet."""
    run = await database.read(runs.last)
    signed_in = await database.read(signins.known)
    letters_open = await database.read(letters.open_letters)
    return {
        "connector": "zoom",
        "connected_at": await database.read(notes.get, CONNECTED),
        "sign_in": None
        if signed_in is None
        else {
            "email": signed_in.email,
            "since": signed_in.signed_in_at.isoformat(),
            "refused": signed_in.refused or None,
        },
        "last_run": None
        if run is None
        else {"id": run.id, "state": ended_as(run), "started_at": run.started_at.isoformat(), "summary": run.summary},
        "dead_letters": [
            {"subject": each.subject, "origin": each.origin, "reason": each.reason, "remedy": each.remedy}
            for each in letters_open
        ],
    }


def ended_as(run: runs.Run) -> str:
    """A run's state as people are told it: running, paused, stopped (it cannot be taken up again) or done."""
    return "stopped" if run.state == runs.DONE and (run.summary or {}).get("problem") else run.state


async def note_connected(services: Services) -> None:
    """Note the time of the first successful sync, where nobody connected before: it proved the same."""
    if await services.database.read(notes.get, CONNECTED) is None:
        await services.database.write(notes.put, CONNECTED, services.clock().isoformat())


async def identify(services: Services, sign_ins: SignIns) -> str:
    """Note whose sign-in it is; their e-mail, "" where the app may not read it."""
    try:
        me = await services.zoom.send(users.user(users.ME))
    except ScopeMissing:
        return ""
    await sign_ins.identify(account_id=me.account_id, user_id=me.id, email=me.email)
    return me.email


async def disconnect(sign_ins: SignIns) -> tuple[bool, str]:
    """Forget the connection, and have Zoom revoke a user's sign-in; whether there was one, and why Zoom was not told.

    Rosters, ledger and Brevo stay as they are.
    """
    signed_in, untold = await sign_ins.end()
    there = await sign_ins.database.read(notes.get, CONNECTED) is not None
    await sign_ins.database.write(notes.forget, CONNECTED)
    return there or signed_in, untold
