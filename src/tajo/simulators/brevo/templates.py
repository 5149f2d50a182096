"""/smtp/templates, test mails, and double opt-in, which needs a template.

Source: developers.brevo.com/reference/create-smtp-template, create-doi-contact.
"""

from __future__ import annotations

import re
from datetime import timedelta

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.contacts import read_change
from tajo.simulators.brevo.mails import keep_mail, spend
from tajo.simulators.brevo.protocol import (
    CREATED,
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
    number_of,
    object_of,
    page_of,
    required,
    text_of,
    texts_of,
)
from tajo.simulators.brevo.records import Json, PendingOptIn, SentMail, Template

MAX_TESTS_A_DAY = 50


def get_templates(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=50, maximum=1000)
    wanted = ask.query.get("templateStatus")
    found = [
        template_json(account, template)
        for template in account.templates.values()
        if wanted is None or wanted == str(template.is_active).lower()
    ]
    return Reply(200, {"count": len(found), "templates": page.cut(found)})


def get_template(account: Account, ask: Ask) -> Reply:
    """One template; doiTemplate is shown here only."""
    template = _template(account, ask)
    return Reply(200, {**template_json(account, template), "doiTemplate": template.doi})


def template_json(account: Account, template: Template) -> Json:
    return {
        "id": template.id,
        "name": template.name,
        "subject": template.subject,
        "isActive": template.is_active,
        "testSent": template.test_sent,
        "sender": template.sender,
        "replyTo": template.reply_to,
        "toField": template.to_field,
        "tag": template.tag,
        "htmlContent": template.html,
        "createdAt": account.shown(template.created_at),
        "modifiedAt": account.shown(template.modified_at),
    }


def create_template(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    required(body, "sender", "subject", "templateName")
    if not body.get("htmlContent") and not body.get("htmlUrl"):
        raise missing("htmlContent is missing")
    now = account.now()
    template = Template(
        0,
        text_of(body, "templateName"),
        text_of(body, "subject"),
        _html(body),
        object_of(body, "sender"),
        flag(body, "isActive") is True,
        text_of(body, "tag"),
        text_of(body, "replyTo"),
        text_of(body, "toField"),
        now,
        now,
    )
    template.id = account.next_id("template")
    account.templates[template.id] = template
    return Reply(201, {"id": template.id})


def _html(body: Json) -> str:
    html = text_of(body, "htmlContent")
    if html and len(html) <= 10:
        raise invalid("htmlContent should have more than 10 characters")
    return html


def update_template(account: Account, ask: Ask) -> Reply:
    template = _template(account, ask)
    body = ask.fields()
    template.name = text_of(body, "templateName") or template.name
    template.subject = text_of(body, "subject") or template.subject
    template.html = _html(body) or template.html
    template.tag = text_of(body, "tag") or template.tag
    template.reply_to = text_of(body, "replyTo") or template.reply_to
    template.to_field = text_of(body, "toField") or template.to_field
    template.sender = object_of(body, "sender") or template.sender
    if (active := flag(body, "isActive")) is not None:
        template.is_active = active
    template.modified_at = account.now()
    return NO_CONTENT


def delete_template(account: Account, ask: Ask) -> Reply:
    del account.templates[_template(account, ask).id]
    return NO_CONTENT


def send_test_of_template(account: Account, ask: Ask) -> Reply:
    template = _template(account, ask)
    send_tests(account, ask.fields(), template.subject, str(template.sender.get("email", "")), template.id)
    template.test_sent = True
    return NO_CONTENT


def send_tests(account: Account, body: Json, subject: str, sender: str, template_id: int | None) -> None:
    """Test mails to known, not blocklisted contacts that are in a list; at most 50 a day."""
    now = account.now()
    account.test_mails[:] = [at for at in account.test_mails if now - at < timedelta(days=1)]
    emails = texts_of(body, "emailTo")
    if len(account.test_mails) + len(emails) > MAX_TESTS_A_DAY:
        raise Refusal(400, "out_of_range", "You can not send more than 50 test emails per day")
    contacts = {email: account.book.by_email.get(email.lower()) for email in emails}
    problems = {
        "unexistingEmails": [email for email, contact in contacts.items() if contact is None],
        "withoutListEmails": [email for email, contact in contacts.items() if contact and not contact.list_ids],
        "blackListedEmails": [email for email, contact in contacts.items() if contact and contact.email_blacklisted],
    }
    if any(problems.values()):
        raise Refusal(
            400, "invalid_parameter", "Test email could not be sent to the following email addresses", **problems
        )
    for email in emails:
        account.test_mails.append(now)
        account.sent_mails.append(_mail(account, email, subject, sender, template_id, {}, "test"))


def _mail(
    account: Account, to: str, subject: str, sender: str, template_id: int | None, params: Json, status: str
) -> SentMail:
    message_id = f"<{account.now():%Y%m%d%H%M}.{account.next_id('mail'):011d}@smtp-relay.mailin.fr>"
    return SentMail(message_id, account.now(), [to], subject, sender, template_id, params, [], {}, status)


def _template(account: Account, ask: Ask) -> Template:
    template = account.templates.get(ask.id(what="templateId"))
    if template is None:
        raise not_found("Template ID does not exist")
    return template


# Double opt-in


def double_opt_in(account: Account, ask: Ask) -> Reply:
    """201 when the mail went out; the contact is created or added only by the click on its link."""
    body = ask.fields()
    required(body, "email", "includeListIds", "redirectionUrl", "templateId")
    email = text_of(body, "email")
    if not is_email(email):
        raise invalid("Invalid email address")
    if not re.match(r"https?://[^/]", text_of(body, "redirectionUrl")):
        raise invalid("redirectionUrl is not a valid URL")
    include, exclude = integers(body, "includeListIds"), integers(body, "excludeListIds")
    account.check_lists([*include, *exclude])
    template = account.templates.get(number_of(body, "templateId") or 0)
    if template is None:
        raise invalid("Invalid template id")
    if not (template.is_active and template.doi):
        raise invalid("An active DOI template does not exist")
    attributes = read_change(account, {"attributes": body.get("attributes")}, email="").values
    contact = account.book.by_email.get(email.lower())
    if contact is not None and contact.list_ids.issuperset(include) and account.switches.doi_known == 204:
        return NO_CONTENT
    spend(account, 1)
    account.opt_ins.append(PendingOptIn(email.lower(), attributes, include, exclude))
    link = f"{ask.base_url}/doi/{len(account.opt_ins)}"
    sender = str(template.sender.get("email", ""))
    keep_mail(account, _mail(account, email, template.subject, sender, template.id, {"DOIurl": link}, "delivered"))
    return CREATED
