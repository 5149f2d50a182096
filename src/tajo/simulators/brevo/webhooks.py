"""/webhooks: where Brevo reports opt-outs, changes of contacts and the fate of mails.

Source: developers.brevo.com/reference/create-webhook, docs/marketing-webhooks, docs/transactional-webhooks.
"""

from __future__ import annotations

import re

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import NO_CONTENT, Ask, Reply, flag, invalid, missing, not_found, required, text_of
from tajo.simulators.brevo.records import Json, Webhook

MAX_WEBHOOKS = 40
EVENTS = {
    "transactional": (
        "sent",
        "request",
        "delivered",
        "hardBounce",
        "softBounce",
        "blocked",
        "spam",
        "invalid",
        "deferred",
        "click",
        "opened",
        "uniqueOpened",
        "unsubscribed",
    ),
    "marketing": (
        "spam",
        "opened",
        "click",
        "hardBounce",
        "softBounce",
        "unsubscribed",
        "listAddition",
        "delivered",
        "contactUpdated",
        "contactDeleted",
    ),
    "inbound": ("inboundEmailProcessed",),
}


def get_webhooks(account: Account, ask: Ask) -> Reply:
    """The webhooks of one type: transactional, unless the query says otherwise."""
    type = ask.query.get("type", "transactional")
    if type not in EVENTS:
        raise invalid("type is not valid")
    found = [webhook_json(account, webhook) for webhook in account.webhooks.values() if webhook.type == type]
    return Reply(200, {"webhooks": found if ask.query.get("sort") == "asc" else found[::-1]})


def get_webhook(account: Account, ask: Ask) -> Reply:
    return Reply(200, webhook_json(account, _webhook(account, ask)))


def webhook_json(account: Account, webhook: Webhook) -> Json:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "type": webhook.type,
        "channel": webhook.channel,
        "events": webhook.events,
        "description": webhook.description,
        "batched": webhook.batched,
        "auth": webhook.auth,
        "headers": webhook.headers,
        "createdAt": account.shown(webhook.created_at),
        "modifiedAt": account.shown(webhook.modified_at),
    }


def create_webhook(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    required(body, "url")
    if len(account.webhooks) >= MAX_WEBHOOKS:
        raise invalid("Maximum number of webhooks reached")
    type = text_of(body, "type") or "transactional"
    if type not in EVENTS:
        raise invalid("type is not valid")
    now = account.now()
    id = account.next_id("webhook")
    webhook = Webhook(id, "", type, [], "", False, {}, [], text_of(body, "channel") or "email", now, now)
    if type == "inbound":
        webhook.events = ["inboundEmailProcessed"]
    elif not body.get("events"):
        raise missing("events is missing")
    _take(webhook, body)
    account.webhooks[id] = webhook
    return Reply(201, {"id": id})


def update_webhook(account: Account, ask: Ask) -> Reply:
    webhook = _webhook(account, ask)
    _take(webhook, ask.fields())
    webhook.modified_at = account.now()
    return NO_CONTENT


def _take(webhook: Webhook, body: Json) -> None:
    """Check the given fields, then set them."""
    url = text_of(body, "url") or webhook.url
    if not re.match(r"https?://[^/]", url):
        raise invalid("url is not valid")
    events = body.get("events") or webhook.events
    if not isinstance(events, list) or not all(event in EVENTS[webhook.type] for event in events):
        raise invalid("events is not valid")
    auth = webhook.auth if body.get("auth") is None else body["auth"]
    if not isinstance(auth, dict) or (auth and not {"type", "token"} <= auth.keys()):
        raise invalid("auth is not valid")
    headers = webhook.headers if body.get("headers") is None else body["headers"]
    if not isinstance(headers, list) or not all(isinstance(h, dict) and {"key", "value"} <= h.keys() for h in headers):
        raise invalid("headers is not valid")
    batched = flag(body, "batched")
    webhook.url, webhook.events, webhook.auth, webhook.headers = url, list(events), auth, headers
    webhook.batched = webhook.batched if batched is None else batched
    webhook.description = text_of(body, "description") or webhook.description


def delete_webhook(account: Account, ask: Ask) -> Reply:
    del account.webhooks[_webhook(account, ask).id]
    return NO_CONTENT


def _webhook(account: Account, ask: Ask) -> Webhook:
    webhook = account.webhooks.get(ask.id(what="webhookId"))
    if webhook is None:
        raise not_found("Webhook ID does not exist")
    return webhook
