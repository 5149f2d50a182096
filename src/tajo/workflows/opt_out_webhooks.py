"""Having Brevo tell of opt-outs: one webhook of each type, with a token that is made once and kept sealed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tajo.brevo import webhook
from tajo.brevo.api import webhooks
from tajo.brevo.api.webhooks import Type, Webhook
from tajo.core.errors import ConfigError, TajoError, TransientError
from tajo.store import sealed
from tajo.store.keys import Vault
from tajo.workflows.services import Services

PATH = "/webhooks/brevo"
TOKEN = "brevo.webhook"  # noqa: S105 - the name under which it is kept
NAME = "Tajo: opt-outs"
EVENTS: Mapping[Type, tuple[str, ...]] = {"marketing": webhook.MARKETING, "transactional": webhook.TRANSACTIONAL}


@dataclass(frozen=True, slots=True)
class Registered:
    """How it went. `state`: created, updated, no_address or refused."""

    state: str
    text: str
    remedy: str = ""

    def json(self) -> dict[str, Any]:
        return {"state": self.state, "text": self.text, "remedy": self.remedy or None}


async def register(services: Services) -> Registered:
    """Have Brevo's webhooks of both types come to this service; an existing one of our address is used, never a second.

    What goes wrong is told, and stops nothing: opt-outs are read from Brevo as well.
    """
    public, vault = services.config.server.public_url, services.vault
    if not public or vault is None:
        remedy = "set server.public_url to the https address under which Brevo reaches `tajo serve`"
        return Registered("no_address", "no address for Brevo's webhooks: opt-outs are read hourly", remedy)
    url = f"{public}{PATH}"
    try:
        token = await _token(services, vault)
        listed: dict[Type, tuple[Webhook, ...]] = {
            type_: await services.brevo.send(webhooks.every(type_)) for type_ in EVENTS
        }
        free = webhooks.MOST - sum(map(len, listed.values()))
        absent = [type_ for type_, found in listed.items() if not _mine(found, url)]
        if len(absent) > free:
            text = f"Brevo has {webhooks.MOST - free} webhooks and takes no more than {webhooks.MOST}"
            return Registered("refused", text, "delete one in Brevo, then run this again")
        for type_, found in listed.items():
            await _register(services, type_, _mine(found, url), url, token)
    except TajoError as error:
        return Registered("refused", f"no webhooks from Brevo: {error.message}", error.hint)
    return Registered("created" if absent else "updated", f"Brevo tells of opt-outs at {url}")


async def _register(services: Services, type_: Type, mine: Webhook | None, url: str, token: str) -> None:
    if mine is not None:
        await services.brevo.send(webhooks.update(mine.id, url, EVENTS[type_], token=token))
        return
    try:
        await services.brevo.send(webhooks.create(type_, url, EVENTS[type_], token=token, description=NAME))
    except TransientError as error:
        # Without an answer there may be one: then a second would be made by trying again.
        if not (error.ambiguous and _mine(await services.brevo.send(webhooks.every(type_)), url)):
            raise


def _mine(found: tuple[Webhook, ...], url: str) -> Webhook | None:
    return next((each for each in found if each.url.rstrip("/") == url), None)


async def _token(services: Services, vault: Vault) -> str:
    """The token; made where there is none, or none that the key here opens."""
    return await services.database.write(_kept, vault)


def _kept(connection: sa.Connection, vault: Vault) -> str:
    text = sealed.sealed(connection, TOKEN)
    if text is not None:
        try:
            return sealed.opened(text, TOKEN, vault.keyring())
        except ConfigError:
            sealed.forget(connection, TOKEN)  # Brevo is given the new one right away
    fresh = secrets.token_urlsafe(32)
    sealed.put_new(connection, TOKEN, fresh, vault)
    return fresh
