"""`tajo check`: everything that has to be right, looked at without changing anything; each finding with its remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

from tajo.brevo import schema
from tajo.brevo.api import account
from tajo.connectors.zoom.api import reports, users
from tajo.connectors.zoom.api.auth import Tokens
from tajo.connectors.zoom.api.errors import CapabilityMissing
from tajo.connectors.zoom.api.scopes import missing
from tajo.core.errors import ConfigError, CredentialError, RejectedError, TajoError
from tajo.workflows import opt_ins
from tajo.workflows.consenting import policy
from tajo.workflows.planning import list_ids
from tajo.workflows.services import Services

READ = ("participants", "webinars")  # the families that a sync reads


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `level` is ok, warning or failed; `exit` the exit code that a failure means."""

    subject: str
    level: str
    text: str
    remedy: str = ""
    exit: int = 0


def _failed(subject: str, error: TajoError) -> Finding:
    return Finding(subject, "failed", f"{error.origin}: {error.message}", error.hint, error.exit_code)


async def check(services: Services, tokens: Tokens) -> AsyncIterator[Finding]:
    """All findings, in the order in which they depend on each other."""
    yield _consent(services)
    async for finding in _zoom(services, tokens):
        yield finding
    async for finding in _brevo(services):
        yield finding


def _consent(services: Services) -> Finding:
    rules = policy(services.config)
    if rules is not None:
        said = "an answer to the consent question" if rules.question else "a confirmation"
        return Finding("consent", "ok", f"lists and mail only with {said}; without one: {rules.on_missing}")
    return Finding(
        "consent",
        "warning",
        "everybody goes on the lists as configured: attending is not consent to marketing mail",
        "ask at registration and add a consent: block, and keep Brevo's unsubscribe links in every mail",
    )


async def _zoom(services: Services, tokens: Tokens) -> AsyncIterator[Finding]:
    try:
        token = await tokens.token()
    except TajoError as error:
        yield _failed("zoom credentials", error)
        return
    yield Finding("zoom credentials", "ok", "Zoom issues an access token")
    if token.level == "user":
        text = "signed in as a user: only what this user hosts is read, without reports"
        remedy = "for a whole account use a Server-to-Server app, or an app that an administrator manages"
        yield Finding("zoom sign-in", "warning", text, remedy)
    sync = services.connector.sync
    features = [name for name in READ if getattr(sync, name)]
    lacking = missing(token.scopes, features, token.level)
    for origin, needed in lacking.items():
        yield Finding(
            "zoom scopes",
            "failed",
            f"{needed.granular} is missing ({', '.join(needed.features)}: {origin})",
            f"add the scope {needed.granular} (or {needed.classic}) to the Zoom app",
            CredentialError.exit_code,
        )
    if not lacking:
        yield Finding("zoom scopes", "ok", f"all scopes for {', '.join(features)} are there")
    async for finding in _me(services) if token.level == "user" else _plan(services):
        yield finding


async def _me(services: Services) -> AsyncIterator[Finding]:
    """The user whose sign-in it is, who must be one that can host what is to be read."""
    try:
        me = await services.zoom.send(users.user(users.ME))
        if services.connector.sync.webinars:
            yield await _webinar_hosts(services, [replace(me, id=users.ME)])
    except TajoError as error:
        yield _failed("zoom user", error)


async def _plan(services: Services) -> AsyncIterator[Finding]:
    """What the account's plan allows, by asking for little."""
    today = services.clock().date()
    try:
        await services.zoom.send(reports.history(today - timedelta(days=1), today))
        yield Finding("zoom plan", "ok", f"reports are there; limits as configured: plan {services.connector.plan}")
    except CapabilityMissing as error:
        yield Finding("zoom plan", "warning", error.message, error.hint)
        return
    except TajoError as error:
        yield _failed("zoom plan", error)
        return
    if not services.connector.sync.webinars:
        return
    try:
        page = await services.zoom.send(users.list_users())
        yield await _webinar_hosts(services, [user for user in page.items if user.is_licensed])
    except TajoError as error:
        yield _failed("zoom webinars", error)


async def _webinar_hosts(services: Services, hosts: list[users.User]) -> Finding:
    for host in hosts[:20]:
        try:
            await services.zoom.send(users.user_webinars(host.id))
        except RejectedError:
            continue
        return Finding("zoom webinars", "ok", "a host with the webinar add-on is there")
    return Finding(
        "zoom webinars",
        "warning",
        "no host has the webinar add-on",
        "give a host the add-on, or set connectors.zoom.sync.webinars to false",
    )


async def _brevo(services: Services) -> AsyncIterator[Finding]:
    try:
        known = await services.brevo.send(account.get())
        yield Finding("brevo key", "ok", f"the key opens the account of {known.company or known.email}")
        found = await schema.read(services.brevo)
    except TajoError as error:
        yield _failed("brevo key", error)
        return
    for finding in (*_attributes(services, found), *_lists(services, found)):
        yield finding
    if opt_ins.asks(services):
        yield await _double_opt_in(services)


async def _double_opt_in(services: Services) -> Finding:
    try:
        await opt_ins.check_template(services)
    except TajoError as error:
        return _failed("double opt-in", error)
    return Finding("double opt-in", "ok", "the template is there, active, and can ask")


def _attributes(services: Services, found: schema.Schema) -> list[Finding]:
    said = [
        Finding(
            "brevo attributes",
            "failed",
            f"{name} does not exist ({field.name} is mapped to it)",
            "run `tajo connectors connect zoom`, which creates it",
            ConfigError.exit_code,
        )
        for field, name in schema.missing(services.mapping, found)
    ]
    said += [
        Finding(
            "brevo attributes",
            "failed",
            f"{name} is of the type {type_}, which cannot hold {field.name}",
            f"map {field.name} to another attribute",
            ConfigError.exit_code,
        )
        for field, name, type_ in schema.clashes(services.mapping, found)
    ]
    return said or [Finding("brevo attributes", "ok", f"all {len(services.mapping)} are there, in fitting types")]


def _lists(services: Services, found: schema.Schema) -> list[Finding]:
    try:
        ids = list_ids(services, found)
    except ConfigError as error:
        return [_failed("brevo lists", error)]
    new = [str(getattr(services.connector.lists, name)) for name, id_ in ids.items() if id_ < 0]
    if new:
        remedy = "run `tajo connectors connect zoom`; a sync creates them, too"
        return [Finding("brevo lists", "warning", f"not created yet: {', '.join(new)}", remedy)]
    if not ids:
        return [Finding("brevo lists", "warning", "no list is configured", "name some under connectors.zoom.lists")]
    return [Finding("brevo lists", "ok", f"all {len(ids)} are there")]
