"""POST, PUT, DELETE /contacts and the rules of writing a contact.

Source: developers.brevo.com/reference/create-contact, update-contact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.book import Identifiers
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    flag,
    integers,
    invalid,
    is_email,
    missing,
    not_found,
    object_of,
    phone_digits,
    text_of,
    texts_of,
)
from tajo.simulators.brevo.records import Blocked, Contact, Json
from tajo.simulators.brevo.values import IGNORED, PHONES, api_converter

IDENTIFIER_TYPES = ("email_id", "contact_id", "ext_id", "phone_id", "whatsapp_id", "landline_number_id")
_PHONE_OF_TYPE = {"phone_id": "SMS", "whatsapp_id": "WHATSAPP", "landline_number_id": "LANDLINE_NUMBER"}


@dataclass(frozen=True, slots=True)
class Change:
    """One checked write: nothing in it can fail any more but a clash of identifiers."""

    identifiers: Identifiers
    values: Json  # attribute name to stored value; None clears it
    cleared_phones: tuple[str, ...]
    list_ids: list[int]
    unlink_list_ids: list[int]
    email_blacklisted: bool | None
    sms_blacklisted: bool | None
    senders: list[str]


def create_contact(account: Account, ask: Ask) -> Reply:
    """201 with the id of a new contact; 204 without one for an update."""
    body = ask.fields()
    refuse_too_early(account)
    change = read_change(account, body, email=text_of(body, "email"))
    if change.identifiers.empty():
        raise missing("Please provide either one of email, SMS or ext_id")
    found = account.book.find(change.identifiers)
    if flag(body, "forceMerge") and len(found) > 1:
        survivor = _merge(account, found)
        apply_change(account, survivor, change)
        return Reply(201, {"id": survivor.id}) if flag(body, "getId") else NO_CONTENT
    target = _meant(found, change.identifiers)
    if found and (target is None or not flag(body, "updateEnabled")):
        raise clash(account, account.book.clashes(change.identifiers, None), "create")
    if target is None:
        contact = account.book.create(change.identifiers, account.now())
        apply_change(account, contact, change, created=True)
        return Reply(201, {"id": contact.id})
    apply_change(account, target, change)
    return NO_CONTENT


def update_contact(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    refuse_too_early(account)
    contact = locate(account, ask)
    change = read_change(account, body, email=object_of(body, "attributes").get("EMAIL"))
    if flag(body, "forceMerge"):
        found = account.book.find(change.identifiers)
        contact = _merge(account, [contact, *(other for other in found if other is not contact)])
    apply_change(account, contact, change)
    return NO_CONTENT


def delete_contact(account: Account, ask: Ask) -> Reply:
    """Irreversible: the blocklist status is lost with the contact."""
    contact = locate(account, ask)
    account.book.delete(contact, account.now())
    more = {"email": contact.email, "list_id": sorted(contact.list_ids)}
    account.tell("contactDeleted", "contact_deleted", more, by_api=True)
    return NO_CONTENT


def update_batch(account: Account, ask: Ask) -> Reply:
    """All or nothing: one unknown contact and none is changed. Deprecated since 2026-10-30."""
    switch = account.switches.batch
    if switch == "405":
        raise Refusal(405, "method_not_allowed", "POST Method is not allowed on this path")
    if switch != "on":
        raise Refusal(int(switch), "document_not_found", "This endpoint is no longer available")
    items = ask.fields().get("contacts")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise missing("contacts is missing")
    changes = [_batch_change(account, item) for item in items]
    for contact, change in changes:
        if kinds := account.book.clashes(change.identifiers, contact):
            raise clash(account, kinds, "update")
    for contact, change in changes:
        apply_change(account, contact, change)
    return NO_CONTENT


def _batch_change(account: Account, item: Json) -> tuple[Contact, Change]:
    contact = None
    if isinstance(item.get("id"), int):
        contact = account.book.by_id(item["id"])
    elif item.get("email"):
        contact = account.book.by_email.get(str(item["email"]).lower())
    elif item.get("sms"):
        contact = account.book.owner("SMS", phone_digits(item["sms"]) or "")
    if contact is None:
        raise not_found("Contact does not exist")
    return contact, read_change(account, item, email=object_of(item, "attributes").get("EMAIL"))


def refuse_too_early(account: Account) -> None:
    """425 while the account is in process, as ordered by a test."""
    if account.too_early > 0:
        account.too_early -= 1
        raise Refusal(425, "account_in_process", "Account is in process, please try again later")


# Who is meant


def locate(
    account: Account, ask: Ask, *, get: Callable[[Contact], Contact | None] = lambda contact: contact
) -> Contact:
    """The contact that the path names, by identifierType or by the look of it; `get` gives the version to show."""
    text = ask.names[0]
    if account.switches.plus_in_path == "space":
        text = text.replace("+", " ")
    kind = ask.query.get("identifierType") or _guess(text, phones=ask.method == "GET")
    contact = get(found) if (found := _lookup(account, kind, text)) is not None else None
    if contact is None and kind == "contact_id" and "identifierType" not in ask.query and ask.method == "GET":
        found = account.book.owner("SMS", text)
        contact = get(found) if found is not None else None
    if contact is None:
        raise not_found("Contact does not exist")
    return contact


def _guess(text: str, *, phones: bool) -> str:
    """What an identifier without identifierType is; only GET takes phone numbers."""
    if text.isascii() and text.isdigit():
        return "contact_id"
    if phones and text.startswith("+") and phone_digits(text):
        return "phone_id"
    return "email_id"


def _lookup(account: Account, kind: str, text: str) -> Contact | None:
    match kind:
        case "email_id":
            if not is_email(text):
                raise invalid("Invalid email address")
            return account.book.by_email.get(text.lower())
        case "contact_id":
            if not (text.isascii() and text.isdigit()):
                raise invalid("Invalid contact id")
            return account.book.by_id(int(text))
        case "ext_id":
            return account.book.owner("ext_id", text)
        case "phone_id" | "whatsapp_id" | "landline_number_id":
            return account.book.owner(_PHONE_OF_TYPE[kind], phone_digits(text) or "")
    raise invalid("Invalid identifierType")


def _meant(found: list[Contact], identifiers: Identifiers) -> Contact | None:
    """The contact a POST updates: the one with its e-mail, or without an e-mail the only one found."""
    if identifiers.email:
        return found[0] if found and found[0].email == identifiers.email else None
    return found[0] if len(found) == 1 else None


def clash(account: Account, kinds: list[str], verb: str) -> Refusal:
    """The code of this has drifted; metadata.duplicate_identifiers is what stays."""
    return Refusal(
        400,
        account.switches.code_drift,
        f"Unable to {verb} contact, {kinds[0]} is already associated with another Contact",
        metadata={"duplicate_identifiers": kinds},
    )


# What is written


def read_change(account: Account, body: Json, *, email: Any) -> Change:
    """Check a body of POST or PUT; the new address comes from another place in each."""
    if email and not is_email(email):
        raise invalid("Invalid email address")
    attributes = object_of(body, "attributes")
    if account.switches.lowercase_attributes == "folded":
        attributes = {str(name).upper(): value for name, value in attributes.items()}
    phones, cleared = _phones(attributes)
    ext_id = body.get("ext_id") or attributes.get("EXT_ID") or ""
    if not isinstance(ext_id, str):
        raise invalid("ext_id should be a string")
    list_ids, unlink = integers(body, "listIds"), integers(body, "unlinkListIds")
    account.check_lists([*list_ids, *unlink])
    return Change(
        Identifiers(email.lower() if email else "", ext_id, phones),
        convert_values(account, attributes),
        cleared,
        list_ids,
        unlink,
        flag(body, "emailBlacklisted"),
        flag(body, "smsBlacklisted"),
        [sender.lower() for sender in texts_of(body, "smtpBlacklistSender")],
    )


def _phones(attributes: Json) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Phone numbers as digits, and the names of those to clear."""
    given, cleared = [], []
    for name in PHONES:
        value = attributes.get(name)
        if value == "":
            cleared.append(name)
        elif value is not None:
            digits = phone_digits(value)
            if digits is None:
                raise invalid("Invalid phone number")
            given.append((name, digits))
    return tuple(given), tuple(cleared)


def convert_values(account: Account, attributes: Json) -> Json:
    """Attributes as they will be stored: unknown ones and wrong types are dropped, None clears."""
    transactional = [a for name in attributes if (a := account.attributes.get(name)) and a.category == "transactional"]
    if transactional and not any(a.type == "id" for a in transactional):
        raise invalid("Transactional attribute as primary Key is missing")
    values: Json = {}
    for name, value in attributes.items():
        attribute = account.attributes.get(name)
        if attribute is None or attribute.category == "transactional" or name in (*PHONES, "EMAIL", "EXT_ID"):
            continue
        if value == "" or (value is None and account.switches.null_value == "clears"):
            values[name] = None
        elif value is not None and (stored := api_converter(attribute, account.switches)(value)) is not IGNORED:
            values[name] = stored
    return values


def apply_change(account: Account, contact: Contact, change: Change, *, created: bool = False) -> None:
    """Write a change, or refuse all of it when an identifier belongs to another contact."""
    if kinds := account.book.clashes(change.identifiers, contact):
        raise clash(account, kinds, "update")
    moved = bool(change.identifiers.email) and change.identifiers.email != contact.email
    if not created:
        account.book.touch(contact, account.now())
    account.book.identify(contact, change.identifiers)
    for kind in change.cleared_phones:
        account.book.free_phone(contact, kind)
    set_values(contact, change.values)
    if moved:
        contact.email_blacklisted = False  # documented: a new EMAIL resubscribes a blocklisted contact
    if change.email_blacklisted is not None:
        contact.email_blacklisted = change.email_blacklisted
    if change.sms_blacklisted is not None:
        contact.sms_blacklisted = change.sms_blacklisted
    contact.list_ids.difference_update(change.unlink_list_ids)
    account.add_to_lists(contact, change.list_ids)
    for sender in change.senders:
        account.blocked.append(Blocked(contact.email, sender, "unsubscribedViaApi", "by API", account.now()))
    if not created and account.webhooks:
        _tell_updated(account, contact, change, moved=moved)


def set_values(contact: Contact, values: Json) -> None:
    """Store converted values; None clears."""
    for name, value in values.items():
        if value is None:
            contact.attributes.pop(name, None)
        else:
            contact.attributes[name] = value


def _tell_updated(account: Account, contact: Contact, change: Change, *, moved: bool) -> None:
    changed = {**change.values, **dict(change.identifiers.phones)}
    if moved:
        changed["EMAIL"] = contact.email
    content = [{"name": name, "value": value} for name, value in changed.items()]
    account.tell("contactUpdated", "contact_updated", {"email": contact.email, "content": content}, by_api=True)


def _merge(account: Account, contacts: list[Contact]) -> Contact:
    """Keep the most recently modified contact, fill its gaps from the others, and delete those."""
    survivor = max(contacts, key=lambda contact: contact.modified_at)
    for other in contacts:
        if other is survivor:
            continue
        account.book.delete(other, account.now())
        missing_phones = [(k, v) for k in PHONES if (v := other.attributes.get(k)) and k not in survivor.attributes]
        ext_id = "" if survivor.ext_id else other.ext_id or ""
        account.book.identify(survivor, Identifiers(ext_id=ext_id, phones=tuple(missing_phones)))
        survivor.attributes = {**other.attributes, **survivor.attributes}
        survivor.list_ids |= other.list_ids
    return survivor
