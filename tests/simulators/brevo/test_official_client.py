"""The official client, brevo-python, works against the simulator: the shapes on the wire are Brevo's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from brevo.contacts import (
    AddContactToListRequestBodyEmails,
    CreateAttributeRequestEnumerationItem,
    ImportContactsRequestJsonBodyItem,
    RemoveContactFromListRequestBodyIds,
)
from brevo.core.api_error import ApiError
from brevo.email_campaigns import CreateEmailCampaignRequestRecipients, CreateEmailCampaignRequestSender
from brevo.errors import BadRequestError, NotFoundError
from brevo.event import CreateBatchEventsRequestEventsItem, CreateBatchEventsRequestEventsItemIdentifiers
from brevo.event import CreateEventRequestIdentifiers as EventIdentifiers
from brevo.transactional_emails import (
    CreateSmtpTemplateRequestSender,
    SendTransacEmailRequestMessageVersionsItem,
    SendTransacEmailRequestMessageVersionsItemToItem,
    SendTransacEmailRequestSender,
    SendTransacEmailRequestToItem,
)
from brevo.webhooks import CreateWebhookRequestAuth

from brevo import Brevo
from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    Served = tuple[BrevoSimulator, str]


@pytest.fixture
def client(served: Served) -> Iterator[Brevo]:
    client = Brevo(api_key="xkeysib-test-key", base_url=served[1], timeout=10.0, max_retries=0)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


def test_contacts_are_created_updated_read_and_deleted(client: Brevo, served: Served) -> None:
    simulator, _ = served
    created = client.contacts.create_contact(
        email="Ada+1@x.eu", ext_id="crm-42", attributes={"FIRSTNAME": "Ada", "SMS": "+33612345678"}, list_ids=[2]
    )
    assert created is not None
    assert created.id == 1
    assert client.contacts.create_contact(email="ada+1@x.eu", update_enabled=True) is None
    client.contacts.update_contact("ada+1@x.eu", attributes={"LASTNAME": "L"}, email_blacklisted=True)
    contact = client.contacts.get_contact_info("crm-42", identifier_type="ext_id")
    assert (contact.id, contact.email, contact.list_ids, contact.email_blacklisted) == (1, "ada+1@x.eu", [2], True)
    assert contact.attributes.model_extra == {
        "FIRSTNAME": "Ada",
        "LASTNAME": "L",
        "SMS": "33612345678",
        "EXT_ID": "crm-42",
    }
    found = client.contacts.get_contacts(limit=10, modified_since="2026-01-01T00:00:00.000Z")
    assert (found.count, found.contacts[0].id) == (1, 1)
    client.contacts.delete_contact(1, identifier_type="contact_id")
    assert simulator.contacts == {}


def test_errors_arrive_with_code_and_metadata(client: Brevo) -> None:
    client.contacts.create_contact(email="ada@x.eu")
    with pytest.raises(BadRequestError) as refused:
        client.contacts.create_contact(email="ada@x.eu")
    assert refused.value.body["code"] == "duplicate_parameter"
    assert refused.value.body["metadata"] == {"duplicate_identifiers": ["email"]}
    with pytest.raises(NotFoundError):
        client.contacts.get_contact_info("no@x.eu")
    assert refused.value.headers["x-sib-ratelimit-limit"] == "36000"


def test_a_wrong_key_is_an_api_error(served: Served) -> None:
    client = Brevo(api_key="wrong", base_url=served[1], max_retries=0)
    with pytest.raises(ApiError) as refused:
        client.account.get_account()
    assert (refused.value.status_code, refused.value.body["message"]) == (401, "Key not found")
    client._client_wrapper.httpx_client.httpx_client.close()


def test_an_import_runs_to_its_end_and_links_its_reports(client: Brevo, served: Served) -> None:
    simulator, _ = served
    rows = [
        ImportContactsRequestJsonBodyItem(email="ada@x.eu", attributes={"FIRSTNAME": "Ada"}),
        ImportContactsRequestJsonBodyItem(email="nonsense"),
    ]
    started = client.contacts.import_contacts(json_body=rows, list_ids=[2], disable_notification=True)
    deadline = time.monotonic() + 10
    while (process := client.process.get_process(started.process_id)).status != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.name == "IMPORTUSER"
    reports: Any = process.info.import_ if process.info is not None else None
    assert reports.invalid_emails.startswith("http://127.0.0.1")
    assert reports.duplicate_phone_id is None
    assert client.process.get_processes(limit=5).count == 1
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}


def test_attributes_are_created_and_listed(client: Brevo) -> None:
    client.contacts.create_attribute("normal", "MINUTES", type="float")
    client.contacts.create_attribute("normal", "TOPICS", type="multiple-choice", multi_category_options=["A", "B"])
    items = [CreateAttributeRequestEnumerationItem(value=1, label="Men")]
    client.contacts.create_attribute("category", "GENDER", type="category", enumeration=items)
    shown = {attribute.name: attribute for attribute in client.contacts.get_attributes().attributes}
    assert shown["MINUTES"].type == "float"
    assert shown["TOPICS"].multi_category_options == ["A", "B"]
    enumeration: Any = shown["GENDER"].enumeration
    assert (enumeration[0].value, enumeration[0].label) == (1, "Men")
    client.contacts.delete_multi_attribute_options("TOPICS", "A")
    client.contacts.delete_attribute("normal", "TOPICS")
    assert {attribute.name for attribute in client.contacts.get_attributes().attributes} == {
        "FIRSTNAME",
        "LASTNAME",
        "SMS",
        "MINUTES",
        "GENDER",
    }


def test_lists_folders_and_their_members(client: Brevo) -> None:
    folder = client.contacts.create_folder(name="Zoom")
    webinar = client.contacts.create_list(name="Webinar", folder_id=folder.id)
    client.contacts.create_contact(email="ada@x.eu")
    added = client.contacts.add_contact_to_list(
        webinar.id, request=AddContactToListRequestBodyEmails(emails=["ada@x.eu", "no@x.eu"])
    )
    assert (added.contacts.success, added.contacts.failure) == (["ada@x.eu"], ["no@x.eu"])
    assert client.contacts.get_list(webinar.id).unique_subscribers == 1
    assert client.contacts.get_contacts_from_list(webinar.id).count == 1
    removed = client.contacts.remove_contact_from_list(webinar.id, request=RemoveContactFromListRequestBodyIds(ids=[1]))
    assert removed.contacts.success == [1]
    assert client.contacts.get_lists().count == 2
    client.contacts.delete_folder(folder.id)
    assert client.contacts.get_folders().count == 1


def batch_item(name: str, email: str | None) -> CreateBatchEventsRequestEventsItem:
    identifiers = CreateBatchEventsRequestEventsItemIdentifiers(email_id=email)
    return CreateBatchEventsRequestEventsItem(event_name=name, identifiers=identifiers)


def test_events_are_taken_one_by_one_and_in_batches(client: Brevo) -> None:
    client.event.create_event(
        event_name="attended",
        identifiers=EventIdentifiers(email_id="ada@x.eu"),
        event_properties={"minutes": 41},
        contact_properties={"FIRSTNAME": "Ada"},
    )
    accepted = client.event.create_batch_events(events=[batch_item("a", "ada@x.eu"), batch_item("b", "bob@x.eu")])
    assert accepted.count == 2
    events: Any = client.event.get_events(event_name="attended").events
    assert (events[0].contact_id, events[0].event_properties) == (1, {"minutes": 41})


def test_the_client_swallows_a_partial_batch(client: Brevo, served: Served) -> None:
    """A 207 raises nothing: what was lost is in extra fields only."""
    result = client.event.create_batch_events(events=[batch_item("a", "ada@x.eu"), batch_item("b", None)])
    extra: Any = result.model_extra
    assert (extra["status"], extra["failed_events"]) == ("partiallyQueued", 1)
    assert extra["errors"][0]["eventIndex"] == [1]
    assert len(served[0].events) == 1


def test_mails_are_sent_logged_and_blocked(client: Brevo, served: Served) -> None:
    simulator, _ = served
    sender = SendTransacEmailRequestSender(email="no-reply@x.eu")
    to = [SendTransacEmailRequestToItem(email="ada@x.eu")]
    sent = client.transactional_emails.send_transac_email(
        sender=sender, to=to, subject="Hello", html_content="<p>Hello</p>", headers={"idempotencyKey": "k1"}
    )
    listed: Any = client.transactional_emails.get_transac_emails_list(email="ada@x.eu").transactional_emails
    assert listed[0].message_id == sent.message_id
    with pytest.raises(BadRequestError):
        client.transactional_emails.send_transac_email(
            sender=sender, to=to, subject="Hello", html_content="<p>Hello</p>", headers={"idempotencyKey": "k1"}
        )
    versions = [
        SendTransacEmailRequestMessageVersionsItem(
            to=[SendTransacEmailRequestMessageVersionsItemToItem(email=f"{name}@x.eu")]
        )
        for name in ("ada", "bob")
    ]
    many = client.transactional_emails.send_transac_email(
        sender=sender, subject="Hello", html_content="<p>Hello</p>", message_versions=versions
    )
    assert len(many.message_ids or []) == 2
    simulator.unsubscribe_transactional("ada@x.eu", "no-reply@x.eu")
    blocked: Any = client.transactional_emails.get_transac_blocked_contacts(senders=["no-reply@x.eu"]).contacts
    assert blocked[0].reason.code == "unsubscribedViaEmail"
    client.transactional_emails.unblock_or_resubscribe_a_transactional_contact("ada@x.eu")
    assert simulator.blocked == []


def test_templates_double_opt_in_and_campaigns(client: Brevo, served: Served) -> None:
    simulator, _ = served
    template = client.transactional_emails.create_smtp_template(
        sender=CreateSmtpTemplateRequestSender(email="shop@x.eu", name="Shop"),
        subject="Please confirm",
        template_name="Opt-in",
        html_content="<a href='{{ params.DOIurl }}'>Yes</a>",
        is_active=True,
        tag="optin",
    )
    assert client.transactional_emails.get_smtp_template(template.id).doi_template
    client.contacts.create_doi_contact(
        email="ada@x.eu", include_list_ids=[2], redirection_url="https://x.eu", template_id=template.id
    )
    simulator.click_opt_in("ada@x.eu")
    campaign = client.email_campaigns.create_email_campaign(
        name="May",
        sender=CreateEmailCampaignRequestSender(email="shop@x.eu"),
        subject="Hello",
        html_content="<p>Hello there</p>",
        recipients=CreateEmailCampaignRequestRecipients(list_ids=[2]),
    )
    client.email_campaigns.send_email_campaign_now(campaign.id)
    assert simulator.campaigns[campaign.id].recipients == ["ada@x.eu"]
    assert client.email_campaigns.get_email_campaigns(status="sent").count == 1


def test_webhooks_are_registered_and_the_default_type_hides_marketing_ones(client: Brevo) -> None:
    created = client.webhooks.create_webhook(
        url="https://me.example/brevo",
        type="marketing",
        events=["unsubscribed", "contactUpdated"],
        auth=CreateWebhookRequestAuth(type="bearer", token="secret"),
    )
    assert client.webhooks.get_webhooks().webhooks == []
    (webhook,) = client.webhooks.get_webhooks(type="marketing").webhooks
    assert (webhook.id, webhook.url, webhook.events) == (
        created.id,
        "https://me.example/brevo",
        ["unsubscribed", "contactUpdated"],
    )
    client.webhooks.update_webhook(created.id, description="mine")
    assert client.webhooks.get_webhook(created.id).description == "mine"
    client.webhooks.delete_webhook(created.id)


def test_consent_groups_and_the_account(client: Brevo, served: Served) -> None:
    simulator, _ = served
    assert client.account.get_account().email == "ops@shop.example"
    with pytest.raises(ApiError) as refused:
        client.consent_groups.get_consent_groups()
    assert refused.value.status_code == 403
    simulator.switches = BrevoSwitches(consent_groups=True)
    group = client.consent_groups.create_consent_group(name="News", signup_mode="manual")
    assert client.consent_groups.get_consent_group(group.id).contacts_count == 0
    assert client.consent_groups.get_consent_groups().total == 1
