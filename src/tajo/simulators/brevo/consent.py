"""/contacts/consent-groups, an opt-in feature since June 2026.

Source: developers.brevo.com/changelog/2026/6/30 and the models of brevo-python 5.1.0.
"""

from __future__ import annotations

from collections.abc import Callable

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    integers,
    invalid,
    not_found,
    page_of,
    required,
    text_of,
)
from tajo.simulators.brevo.records import ConsentGroup, Json

Handler = Callable[[Account, Ask], Reply]


def _if_enabled(handler: Handler) -> Handler:
    def checked(account: Account, ask: Ask) -> Reply:
        if not account.switches.consent_groups:
            raise Refusal(403, "CONSENT_GROUP_NOT_ENABLED", "Consent groups are not enabled")
        return handler(account, ask)

    return checked


@_if_enabled
def get_groups(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=10, maximum=50)
    found = [group_json(account, group) for group in account.groups.values()]
    more = {"total": len(found), "limit": page.limit, "offset": page.offset}
    return Reply(200, {"consentGroups": page.cut(found), **more})


@_if_enabled
def get_group(account: Account, ask: Ask) -> Reply:
    return Reply(200, group_json(account, _group(account, ask)))


def group_json(account: Account, group: ConsentGroup) -> Json:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "signupMode": group.signup_mode,
        "contactsCount": sum(group.id in contact.consent_groups for contact in account.book),
        "isDefault": False,
        "createdAt": account.shown(group.created_at),
        "updatedAt": account.shown(group.updated_at),
    }


@_if_enabled
def create_group(account: Account, ask: Ask) -> Reply:
    """A new group; the contacts of `listIds` are copied into it once."""
    body = ask.fields()
    required(body, "name", "signupMode")
    name, mode = text_of(body, "name"), text_of(body, "signupMode")
    list_ids = integers(body, "listIds")
    _check(account, name, mode, None)
    account.check_lists(list_ids)
    id = account.next_id("group")
    now = account.now()
    group = ConsentGroup(id, name, text_of(body, "description"), mode, now, now)
    account.groups[id] = group
    for contact in account.book:
        if not contact.list_ids.isdisjoint(list_ids):
            contact.consent_groups[id] = "subscribed"
    return Reply(201, group_json(account, group))


@_if_enabled
def update_group(account: Account, ask: Ask) -> Reply:
    group = _group(account, ask)
    body = ask.fields()
    name, mode = text_of(body, "name") or group.name, text_of(body, "signupMode") or group.signup_mode
    _check(account, name, mode, group)
    group.name, group.signup_mode, group.updated_at = name, mode, account.now()
    group.description = text_of(body, "description") or group.description
    return Reply(200, group_json(account, group))


@_if_enabled
def delete_group(account: Account, ask: Ask) -> Reply:
    group = _group(account, ask)
    del account.groups[group.id]
    for contact in account.book:
        contact.consent_groups.pop(group.id, None)
    return NO_CONTENT


def _check(account: Account, name: str, mode: str, group: ConsentGroup | None) -> None:
    if mode not in ("manual", "automatic"):
        raise invalid("signupMode is not valid")
    if len(name) > 255:
        raise invalid("name is too long")
    if any(other.name == name and other is not group for other in account.groups.values()):
        raise Refusal(409, "duplicate_parameter", "A consent group with this name already exists")


def _group(account: Account, ask: Ask) -> ConsentGroup:
    group = account.groups.get(ask.id())
    if group is None:
        raise not_found("Consent group does not exist")
    return group
