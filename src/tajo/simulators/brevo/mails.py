"""POST /smtp/email, the log of mails sent, and the transactional blocklist.

Source: developers.brevo.com/reference/send-transac-email, docs/heterogenous-versions-batch-emails,
docs/using-sandbox-mode.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    invalid,
    is_email,
    missing,
    moment,
    not_found,
    number_of,
    object_of,
    page_of,
    text_of,
    texts_of,
)
from tajo.simulators.brevo.records import Json, SentMail

MAX_RECIPIENTS = 2000  # of one call
MAX_VERSION_RECIPIENTS = 99
MAX_PARAMS_BYTES = 100 * 1024  # of one version
MAX_ALL_PARAMS_BYTES = 1000 * 1024
MAX_NAME = 70  # characters
IDEMPOTENCY_TTL = timedelta(minutes=30)


def send_email(account: Account, ask: Ask) -> Reply:
    """201 with messageId or messageIds; 202 and a batchId when it is for later. Acceptance is not delivery."""
    body = ask.fields()
    _check_shapes(body)
    versions = list(_versions(body))
    for version in versions:
        _check_version(version)
    _check_content(account, body, versions)
    _check_sizes(body, versions)
    headers = {str(name).lower(): value for name, value in (body.get("headers") or {}).items()}
    key = str(headers.get("idempotencykey") or "")
    _refuse_replay(account, key)
    sandbox = headers.get("x-sib-sandbox") == "drop"
    if not sandbox:
        spend(account, sum(len(_addresses(version)) for version in versions))
    if key:
        account.replays[key] = account.now()
    scheduled = body.get("scheduledAt")
    batch_id = (text_of(body, "batchId") or str(uuid.uuid4())) if scheduled else ""
    ids = []
    for version in versions:
        mail = _mail(account, {**body, **version}, key=key, batch_id=batch_id)
        ids.append(mail.message_id)
        if not sandbox:
            keep_mail(account, mail)
    result: Json = {"messageIds": ids} if body.get("messageVersions") else {"messageId": ids[0]}
    return Reply(202, {**result, "batchId": batch_id}) if scheduled else Reply(201, result)


def _check_shapes(body: Json) -> None:
    texts_of(body, "tags")
    versions = body.get("messageVersions")
    for part in [body, *(versions if isinstance(versions, list) else [])]:
        if isinstance(part, dict):
            object_of(part, "headers")
            object_of(part, "params")
            text_of(part, "subject")


def spend(account: Account, mails: int) -> None:
    """Take credits, or refuse with 402."""
    if account.validation == "pending":
        status = account.switches.under_validation_status
        raise Refusal(status, "account_under_validation", "Your account is under validation")
    if account.credits < mails:
        raise Refusal(402, "not_enough_credits", "You do not have enough credits")
    account.credits -= mails


def _versions(body: Json) -> Iterator[Json]:
    """The messages of the call; `to` is ignored when there are versions."""
    versions = body.get("messageVersions")
    copies = {kind: body[kind] for kind in ("cc", "bcc") if body.get(kind)}
    if versions is None:
        if not body.get("to"):
            raise missing("to is missing")
        yield {"to": body["to"], **copies}
        return
    if not isinstance(versions, list) or not versions or not all(isinstance(item, dict) for item in versions):
        raise invalid("messageVersions is not valid")
    yield from ({**copies, **version} for version in versions)


def _check_version(version: Json) -> None:
    for kind in ("to", "cc", "bcc"):
        people = version.get(kind)
        if kind == "to" and not people:
            raise missing("to is missing")
        if people is not None and (not isinstance(people, list) or not all(_is_person(person) for person in people)):
            raise invalid(f"email is not valid in {kind}")
        for person in people or []:
            if len(str(person.get("name") or "")) > MAX_NAME:
                raise invalid(f"name is too long in {kind}")


def _is_person(person: Any) -> bool:
    return isinstance(person, dict) and is_email(person.get("email"))


def _check_content(account: Account, body: Json, versions: list[Json]) -> None:
    template_id = number_of(body, "templateId")
    sender = body.get("sender")
    if sender is not None and not (
        isinstance(sender, dict) and (is_email(sender.get("email")) or isinstance(sender.get("id"), int))
    ):
        raise invalid("sender not valid")
    of_versions = [id for version in versions if (id := number_of(version, "templateId")) is not None]
    if any(id not in account.templates for id in ([] if template_id is None else [template_id]) + of_versions):
        raise invalid("Invalid template id")
    if of_versions and template_id is None:
        raise invalid("templateId of a version needs a global templateId")
    if template_id is not None:
        return
    for name in ("sender", "subject", "htmlContent"):
        if not body.get(name) and not _in_every_version(body, name):
            raise missing(f"{name} is missing")


def _in_every_version(body: Json, name: str) -> bool:
    """A subject may be set per version; content only where there is a global one."""
    return name == "subject" and all(version.get(name) for version in body.get("messageVersions") or [{}])


def _check_sizes(body: Json, versions: list[Json]) -> None:
    counts = [len(_addresses(version)) for version in versions]
    if sum(counts) > MAX_RECIPIENTS or (body.get("messageVersions") and max(counts) > MAX_VERSION_RECIPIENTS):
        raise Refusal(400, "out_of_range", "Too many recipients")
    sizes = [len(json.dumps(version.get("params") or {}).encode()) for version in [body, *versions]]
    if max(sizes) > MAX_PARAMS_BYTES or sum(sizes) > MAX_ALL_PARAMS_BYTES:
        raise Refusal(400, "out_of_range", "params is too large")
    if body.get("scheduledAt"):
        moment(text_of(body, "scheduledAt"), "scheduledAt")


def _addresses(version: Json) -> list[str]:
    return [person["email"] for kind in ("to", "cc", "bcc") for person in version.get(kind) or []]


def _refuse_replay(account: Account, key: str) -> None:
    """A key used in the last 30 minutes: the mail was sent already. Code and status are not confirmed."""
    used = account.replays.get(key)
    if key and used is not None and account.now() - used < IDEMPOTENCY_TTL:
        switches = account.switches
        raise Refusal(switches.replay_status, switches.replay_code, "Request already processed")


def _mail(account: Account, body: Json, *, key: str, batch_id: str) -> SentMail:
    template = account.templates.get(body.get("templateId") or 0)
    sender = body.get("sender") or (template.sender if template is not None else {})
    number = account.next_id("mail")
    now = account.now()
    return SentMail(
        f"<{now:%Y%m%d%H%M}.{number:011d}@smtp-relay.mailin.fr>",
        now,
        [person["email"] for person in body["to"]],
        body.get("subject") or (template.subject if template is not None else ""),
        str(sender.get("email") or sender.get("id") or ""),
        body.get("templateId"),
        body.get("params") or {},
        list(body.get("tags") or []),
        {name: value for name, value in body.items() if name != "messageVersions"},
        "scheduled" if batch_id else "delivered",
        batch_id,
        key,
    )


def keep_mail(account: Account, mail: SentMail) -> None:
    """Log a mail and tell the transactional webhooks; a blocked recipient shows only there."""
    senders = {blocked.sender for blocked in account.blocked if blocked.email in [to.lower() for to in mail.to]}
    if mail.sender.lower() in senders or "" in senders:
        mail.status = "blocked"
    account.sent_mails.append(mail)
    for to in mail.to if account.webhooks else ():
        tell_transactional(account, "request", "request", to, mail)
        if mail.status != "scheduled":
            tell_transactional(account, mail.status, mail.status, to, mail)


def tell_transactional(account: Account, event: str, spelling: str, email: str, mail: SentMail | None) -> None:
    """One payload of a transactional webhook; only ts_epoch (milliseconds) is reliably UTC."""
    now = account.now()
    contact = account.book.by_email.get(email.lower())
    more: Json = {
        "email": email,
        "message-id": mail.message_id if mail is not None else "",
        "date": now.strftime("%Y-%m-%d %H:%M:%S"),
        "ts_event": int(now.timestamp()),
        "ts_epoch": int(now.timestamp() * 1000),
        "template_id": mail.template_id if mail is not None else None,
        "tag": json.dumps(mail.tags) if mail is not None else "",
        "contact_id": contact.id if contact is not None else None,
    }
    account.tell(event, spelling, more, by_api=False, type="transactional")


# The log and the blocklist


def get_emails(account: Account, ask: Ask) -> Reply:
    """Mails of the last 30 days, one entry per recipient, by address, template or message."""
    page = page_of(ask, default=500, maximum=1000)
    email, template_id, message_id = (ask.query.get(name) for name in ("email", "templateId", "messageId"))
    if not (email or template_id or message_id):
        raise missing("Please pass either email, templateId or messageId")
    since = account.now() - timedelta(days=30)
    found = [
        _log_entry(account, mail, to)
        for mail in account.sent_mails
        for to in mail.to
        if (not email or to.lower() == email.lower())
        and (not template_id or str(mail.template_id) == template_id)
        and (not message_id or mail.message_id == message_id)
        and mail.at >= since
    ]
    return Reply(200, {"count": len(found), "transactionalEmails": page.cut(found)})


def _log_entry(account: Account, mail: SentMail, to: str) -> Json:
    return {
        "email": to,
        "subject": mail.subject,
        "templateId": mail.template_id,
        "messageId": mail.message_id,
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, mail.message_id + to)),
        "date": account.shown(mail.at),
        "from": mail.sender,
        "tags": mail.tags,
    }


def get_blocked(account: Account, ask: Ask) -> Reply:
    """The transactional blocklist, one entry per address and sender."""
    page = page_of(ask, default=50, maximum=100)
    senders = {sender.lower() for text in ask.query.getlist("senders") for sender in text.split(",")}
    found = [
        {
            "email": blocked.email,
            "senderEmail": blocked.sender,
            "reason": {"code": blocked.code, "message": blocked.message},
            "blockedAt": account.shown(blocked.at),
        }
        for blocked in account.blocked
        if not senders or blocked.sender.lower() in senders
    ]
    return Reply(200, {"count": len(found), "contacts": page.cut(found)})


def unblock(account: Account, ask: Ask) -> Reply:
    email = ask.names[0].lower()
    if not any(blocked.email == email for blocked in account.blocked):
        raise not_found("Contact does not exist")
    account.blocked[:] = [blocked for blocked in account.blocked if blocked.email != email]
    return NO_CONTENT
