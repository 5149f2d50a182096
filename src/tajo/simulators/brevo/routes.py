"""Which handler answers which call."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from tajo.simulators.brevo import (
    attributes,
    campaigns,
    consent,
    contact_queries,
    contacts,
    events,
    imports,
    lists,
    mails,
    organisation,
    processes,
    templates,
    webhooks,
)
from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import Ask, Refusal, Reply, not_found

Handler = Callable[[Account, Ask], Reply]

# "*" is a variable part. The first that fits is taken, so fixed parts come before variable ones.
_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/account", organisation.get_account),
    ("GET", "/contacts", contact_queries.get_contacts),
    ("POST", "/contacts", contacts.create_contact),
    ("POST", "/contacts/batch", contacts.update_batch),
    ("POST", "/contacts/import", imports.import_contacts),
    ("POST", "/contacts/doubleOptinConfirmation", templates.double_opt_in),
    ("GET", "/contacts/segments", contact_queries.get_segments),
    ("GET", "/contacts/attributes", attributes.get_attributes),
    ("DELETE", "/contacts/attributes/multiple-choice/*/*", attributes.delete_option),
    ("POST", "/contacts/attributes/*/*", attributes.create_attribute),
    ("PUT", "/contacts/attributes/*/*", attributes.update_attribute),
    ("DELETE", "/contacts/attributes/*/*", attributes.delete_attribute),
    ("GET", "/contacts/lists", lists.get_lists),
    ("POST", "/contacts/lists", lists.create_list),
    ("GET", "/contacts/lists/*", lists.get_list),
    ("PUT", "/contacts/lists/*", lists.update_list),
    ("DELETE", "/contacts/lists/*", lists.delete_list),
    ("GET", "/contacts/lists/*/contacts", lists.get_list_contacts),
    ("POST", "/contacts/lists/*/contacts/add", lists.add_contacts),
    ("POST", "/contacts/lists/*/contacts/remove", lists.remove_contacts),
    ("GET", "/contacts/folders", lists.get_folders),
    ("POST", "/contacts/folders", lists.create_folder),
    ("GET", "/contacts/folders/*", lists.get_folder),
    ("PUT", "/contacts/folders/*", lists.update_folder),
    ("DELETE", "/contacts/folders/*", lists.delete_folder),
    ("GET", "/contacts/folders/*/lists", lists.get_folder_lists),
    ("GET", "/contacts/consent-groups", consent.get_groups),
    ("POST", "/contacts/consent-groups", consent.create_group),
    ("GET", "/contacts/consent-groups/*", consent.get_group),
    ("PUT", "/contacts/consent-groups/*", consent.update_group),
    ("DELETE", "/contacts/consent-groups/*", consent.delete_group),
    ("GET", "/contacts/*", contact_queries.get_contact),
    ("PUT", "/contacts/*", contacts.update_contact),
    ("DELETE", "/contacts/*", contacts.delete_contact),
    ("GET", "/processes", processes.get_processes),
    ("GET", "/processes/*", processes.get_process),
    ("GET", "/events", events.get_events),
    ("POST", "/events", events.create_event),
    ("POST", "/events/batch", events.create_batch),
    ("POST", "/smtp/email", mails.send_email),
    ("GET", "/smtp/emails", mails.get_emails),
    ("GET", "/smtp/blockedContacts", mails.get_blocked),
    ("DELETE", "/smtp/blockedContacts/*", mails.unblock),
    ("GET", "/smtp/templates", templates.get_templates),
    ("POST", "/smtp/templates", templates.create_template),
    ("GET", "/smtp/templates/*", templates.get_template),
    ("PUT", "/smtp/templates/*", templates.update_template),
    ("DELETE", "/smtp/templates/*", templates.delete_template),
    ("POST", "/smtp/templates/*/sendTest", templates.send_test_of_template),
    ("GET", "/emailCampaigns", campaigns.get_campaigns),
    ("POST", "/emailCampaigns", campaigns.create_campaign),
    ("GET", "/emailCampaigns/*", campaigns.get_campaign),
    ("POST", "/emailCampaigns/*/sendNow", campaigns.send_now),
    ("POST", "/emailCampaigns/*/sendTest", campaigns.send_test),
    ("PUT", "/emailCampaigns/*/status", campaigns.update_status),
    ("GET", "/webhooks", webhooks.get_webhooks),
    ("POST", "/webhooks", webhooks.create_webhook),
    ("GET", "/webhooks/*", webhooks.get_webhook),
    ("PUT", "/webhooks/*", webhooks.update_webhook),
    ("DELETE", "/webhooks/*", webhooks.delete_webhook),
)
_ROUTES = tuple((method, tuple(pattern.split("/")[1:]), handler) for method, pattern, handler in _TABLE)


def route(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """The handler and the decoded variable parts of a path as sent (percent-encoded, without /v3).

    404 for a path that nobody answers, 405 for one that is answered with another method.
    """
    parts = tuple(unquote(part) for part in path.strip("/").split("/"))
    known = False
    for offered, pattern, handler in _ROUTES:
        if _fits(pattern, parts):
            if offered == method:
                return handler, tuple(part for part, wanted in zip(parts, pattern, strict=True) if wanted == "*")
            known = True
    if known:
        raise Refusal(405, "method_not_allowed", f"{method} Method is not allowed on this path")
    raise not_found("Path does not exist")


def _fits(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(pattern) == len(parts) and all(
        wanted in ("*", part) for wanted, part in zip(pattern, parts, strict=True)
    )
