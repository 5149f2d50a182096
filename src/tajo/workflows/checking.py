"""`tajo check`: everything that has to be right, looked at without changing anything; each finding with its remedy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

from tajo import logs
from tajo.brevo import schema
from tajo.brevo.api import account
from tajo.config.model import Config
from tajo.connectors.zoom.api import reports, users
from tajo.connectors.zoom.api.auth import Level, Token, Tokens
from tajo.connectors.zoom.api.errors import CapabilityMissing
from tajo.connectors.zoom.api.scopes import Needed, is_granted, missing, needs
from tajo.core.announce import Moment
from tajo.core.errors import ConfigError, CredentialError, RejectedError, TajoError, TransientError
from tajo.core.followups import Rule
from tajo.workflows import opt_ins, sending
from tajo.workflows.consenting import policy
from tajo.workflows.planning import list_ids
from tajo.workflows.services import Services

PARAMETER = re.compile(r"\{\{[^}]*?\bparams\.(\w+)")  # as Brevo's templates name one
START_WAITS_S = 5.0  # ours: for a Brevo that is away; meanwhile no webhook is taken
READ = ("participants", "webinars")  # the families that a sync reads
OPTIONAL = ("recordings", "engagement")  # what is left out where its scope is missing
WITHOUT = {
    "zoom.recordings.of_session": "recordings are known by webhooks only",
    "zoom.past.meeting_polls": "polls of meetings are not counted",
    "zoom.past.meeting_qa": "questions asked in meetings are not counted",
    "zoom.past.webinar_polls": "polls of webinars are not counted",
    "zoom.past.webinar_qa": "questions asked in webinars are not counted",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `level` is ok, warning or failed; `exit` the exit code that a failure means."""

    subject: str
    level: str
    text: str
    remedy: str = ""
    exit: int = 0


# Vendor → where it says how it is.
STATUS_PAGES = {"zoom": "https://status.zoom.us", "brevo": "https://status.brevo.com"}


def _failed(subject: str, error: TajoError) -> Finding:
    remedy = error.hint
    page = STATUS_PAGES.get(subject.split()[0], "")
    if isinstance(error, TransientError) and page and error.retry_at is None:
        again = f"see that this machine reaches it (network, proxy, firewall), and {page}; then check again"
        remedy = f"{remedy}; {again}" if remedy.startswith("the last try") else again
    return Finding(subject, "failed", f"{error.origin}: {error.message}", remedy, error.exit_code)


async def check(services: Services, tokens: Tokens) -> AsyncIterator[Finding]:
    """All findings, in the order in which they depend on each other."""
    yield _consent(services)
    for finding in _configuration(services.config):
        yield finding
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


def _configuration(config: Config) -> list[Finding]:
    """What no sync needs, and the service does."""
    found = []
    if unset := [f"{each.name} ({each.key})" for each in config.missing]:
        remedy = "export them, put them in .env, or remove the lines; `tajo serve` needs webhook.secret_token"
        found.append(Finding("variables", "warning", f"not set: {', '.join(unset)}", remedy))
    try:
        config.check_api_key()
    except ConfigError as error:
        found.append(_failed("api key", error))
    return found


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
    for finding in _features_off(services, token):
        yield finding
    async for finding in _me(services) if token.level == "user" else _plan(services):
        yield finding


def optional(services: Services, level: Level) -> dict[str, Needed]:
    """What is left out where its scope is missing, and breaks nothing else, of what is switched on: origin → scopes."""
    sync = services.connector.sync
    families = {"recordings": sync.recordings, "meeting": sync.participants, "webinar": sync.webinars}
    on = [name for name, wanted in families.items() if wanted]
    return {origin: needed for origin, needed in needs(OPTIONAL, level).items() if any(name in origin for name in on)}


def _features_off(services: Services, token: Token) -> list[Finding]:
    """The optional features whose scopes the token lacks: told, and no failure."""
    return [
        Finding(
            "zoom scopes",
            "warning",
            f"feature off: {WITHOUT[origin]} ({needed.granular} is missing)",
            f"add the scope {needed.granular} (or {needed.classic}) to the Zoom app, if it is wanted",
        )
        for origin, needed in optional(services, token.level).items()
        if not is_granted(token.scopes, needed)
    ]


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
    for rule in sending.rules(services):
        yield await _follow_up(services, rule)
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


async def _follow_up(services: Services, rule: Rule) -> Finding:
    try:
        await require_follow_up(services, rule)
    except TajoError as error:
        return _failed("follow-ups", error)
    return Finding("follow-ups", "ok", f"{rule.name}: template {rule.template} is active, and all it shows is filled")


async def require_brevo(services: Services) -> None:
    """ConfigError for a list that is not there, or a rule or double opt-in that could send nothing.

    While Brevo cannot be asked it is logged.

    Zoom's webhooks wait for the start: it does not wait for Brevo.
    """
    try:
        async with asyncio.timeout(START_WAITS_S):
            list_ids(services, await schema.read(services.brevo))
            for rule in sending.rules(services):
                await require_follow_up(services, rule)
            if opt_ins.asks(services):
                await opt_ins.check_template(services)
    except ConfigError:
        raise
    except TimeoutError:
        logs.say_error("brevo.unchecked", TransientError("Brevo does not answer", origin="brevo.mails.template"))
    except TajoError as error:
        logs.say_error("brevo.unchecked", error)


async def require_follow_up(services: Services, rule: Rule) -> None:
    """ConfigError for a template that is missing or not active, or shows a parameter that nothing fills."""
    template = await sending.required_template(services, rule)
    filled = {name for name, _ in rule.params}
    if rule.moment is Moment.RECORDING_READY:
        filled |= {"share_url", "passcode"}
    empty = sorted(set(PARAMETER.findall(f"{template.subject} {template.html}")) - filled)
    if empty and rule.campaign is None:
        raise ConfigError(
            f"template {rule.template} shows params.{empty[0]}, which the follow-up {rule.name} does not fill",
            origin=sending.origin_of(services, rule),
            hint=f"add {empty[0]} to its params, or take it out of the template",
        )
