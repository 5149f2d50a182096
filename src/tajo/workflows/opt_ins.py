"""Double opt-in: Brevo asks whoever has not answered, once; a click is learned from the lists that they are on then."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from tajo.brevo.api import opt_in, templates
from tajo.brevo.api.errors import NotFound
from tajo.core.announce import Quiet
from tajo.core.consent import CLICK, OnMissing
from tajo.core.contact import Contact, fold
from tajo.core.errors import ConfigError, CredentialError, RejectedError, TajoError, TransientError
from tajo.store import effects, ledger, letters, opt_ins, rosters, suppressions
from tajo.store.effects import AMBIGUOUS, REFUSED, SENT, Effect
from tajo.workflows import flags, recipients, telling
from tajo.workflows.consenting import permissions, policy
from tajo.workflows.planning import list_ids
from tajo.workflows.services import Services

PATIENCE = timedelta(days=30)  # ours: so long a click is looked for
TEMPLATE = "consent.double_opt_in.template"


@dataclass(frozen=True, slots=True)
class _Question:
    """Whom to ask, and for which lists."""

    email: str
    lists: tuple[int, ...]
    occurrence: str


def asks(services: Services) -> bool:
    """Whether people without an answer are asked at all."""
    rules = policy(services.config)
    return rules is not None and rules.on_missing is OnMissing.DOUBLE_OPT_IN


# --- asking ---


async def ask(services: Services, emails: Collection[str]) -> int:
    """Have Brevo ask those of these people who have not answered and were never asked; how many were.

    After their contacts were delivered, so that nobody is on a list of ours any more who is to be asked. Quiet about
    old sessions, as everything that reaches people. A template or an access that does not let us ask is a dead letter,
    stops nothing else, and is tried again with the next delivery. TransientError when Brevo is away.
    """
    if not asks(services):
        return 0
    await _park_what_broke_off(services)
    wanted = await _whom(services, emails)
    if not wanted:
        return 0
    contacts = await recipients.learn(services, [each.email for each in wanted])
    barred = await services.database.read(suppressions.among, [each.email for each in wanted])
    asked = 0
    for each in wanted:
        there = contacts.get(each.email)
        # Whoever is on a list already is there by somebody else's doing: a click would not show.
        lists = tuple(sorted(set(each.lists) - set(there.list_ids if there else ())))
        if each.email in barred or not lists:
            continue
        try:
            asked += await _send(services, each, lists)
        except (ConfigError, CredentialError) as error:
            await services.database.write(letters.add, CLICK, error, services.clock())
            return asked
    if asked:
        await services.database.write(letters.resolve, [CLICK], services.clock())
    return asked


async def _whom(services: Services, emails: Collection[str]) -> list[_Question]:
    quiet = await telling.quiet(services)
    targets = list_ids(services, await flags.known_lists(services))
    lists = {membership: id_ for membership, id_ in targets.items() if id_ > 0}
    return await services.database.read(_unasked, services, emails, lists, quiet)


def _unasked(
    connection: sa.Connection, services: Services, emails: Collection[str], lists: Mapping[object, int], quiet: Quiet
) -> list[_Question]:
    may = permissions(connection, policy(services.config), emails)
    missing = sorted(email for email in emails if may.of(email).asks)
    known = effects.known(connection, [opt_ins.key(email) for email in missing])
    written = ledger.load(connection, missing)
    found = rosters.entries_of(connection, missing)
    questions: list[_Question] = []
    for email in missing:
        contact = fold(email, found.get(email, ()))
        mine = tuple(sorted({lists[each] for each in contact.lists if each in lists}))
        ours = written[email].lists if email in written else frozenset()
        if opt_ins.key(email) in known or not mine or ours & set(mine) or contact.carried is None:
            continue
        if not quiet.is_too_old(_happened(contact, quiet.now)):
            questions.append(_Question(email, mine, contact.carried.occurrence))
    return questions


def _happened(contact: Contact, now: datetime) -> datetime:
    entry = contact.carried
    assert entry is not None, "only who stands is asked"
    return (entry.ended_at or entry.start) if entry.ended else (entry.registered_at or now)


async def _send(services: Services, question: _Question, lists: Sequence[int]) -> int:
    """Ask one person; 1 when Brevo took it. No answer may mean that a mail went out: it is not asked again."""
    block = services.config.consent
    assert block is not None, "nobody is asked without a policy"
    template, page = block.double_opt_in.template, block.double_opt_in.redirect_url
    assert template is not None, "the configuration was checked"
    assert page is not None, "the configuration was checked"
    key, write = opt_ins.key(question.email), services.database.write
    effect = Effect(key, opt_ins.KIND, "double_opt_in", question.email, question.occurrence, {"lists": list(lists)})
    begin = partial(effects.begin, holder=services.holder, now=services.clock())
    if not await write(begin, [effect]):
        return 0  # somebody else is at it
    try:
        await services.brevo.send(opt_in.ask(question.email, lists, template_id=template, redirect_url=page))
    except RejectedError as error:
        # The template's fault is nobody's refusal: told apart only here, since asking for it is 300 an hour.
        await _or_give_back(services, key, check_template(services))
        await write(effects.finish, [key], REFUSED, services.clock())
        await write(letters.add, question.email, error, services.clock())
        return 0
    except TajoError as error:
        if isinstance(error, TransientError) and error.ambiguous:
            await write(effects.finish, [key], AMBIGUOUS, services.clock())
            return 0
        await write(effects.give_back, [key])
        raise
    await write(effects.finish, [key], SENT, services.clock())
    return 1


async def _or_give_back(services: Services, key: str, work: Awaitable[None]) -> None:
    try:
        await work
    except TajoError:
        await services.database.write(effects.give_back, [key])
        raise


async def _park_what_broke_off(services: Services) -> None:
    """Claims from before a crash: nobody knows whether Brevo asked, so it is not asked again."""
    left = await services.database.read(effects.left_sending, services.holder, services.started_at)
    if mine := [key for key in left if key.startswith(opt_ins.key(""))]:
        await services.database.write(effects.finish, mine, AMBIGUOUS, services.clock())


# --- the template ---


async def check_template(services: Services) -> None:
    """ConfigError when the template is not there, not active, or not fit to ask with."""
    block = services.config.consent
    number = block.double_opt_in.template if block is not None else None
    if number is None:
        return
    try:
        found = await services.brevo.send(templates.get(number))
    except NotFound:
        raise _unfit(services, f"Brevo has no template {number}", "write the number of one that exists") from None
    if not found.is_active:
        raise _unfit(services, f"Brevo's template {number} is not active", "activate it in Brevo")
    if not found.is_opt_in:
        hint = "give it the tag optin and the link {{ params.DOIurl }} in Brevo"
        raise _unfit(services, f"Brevo's template {number} cannot ask for a double opt-in", hint)


def _unfit(services: Services, problem: str, hint: str) -> ConfigError:
    return ConfigError(problem, origin=services.config.origin(TEMPLATE), hint=hint)


# --- learning of clicks ---


async def confirm(services: Services, among: Collection[str] | None = None) -> set[str]:
    """Look who of those asked, or of some people, is on their lists by now, and put it on record; who they are."""
    if not asks(services) or (among is not None and not among):
        return set()
    asked = await services.database.read(opt_ins.waiting, services.clock() - PATIENCE, among)
    by_list: dict[int, list[str]] = {}
    for each in asked:
        by_list.setdefault(min(each.lists), []).append(each.email)
    found: set[str] = set()
    for list_id, emails in sorted(by_list.items()):
        found |= await flags.members(services, list_id, emails)
    if found:
        await services.database.write(opt_ins.confirm, found, services.clock())
    return found
