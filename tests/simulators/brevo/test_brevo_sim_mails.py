"""Transactional mails, templates, double opt-in and campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api

DOI = '<a href="{{ params.DOIurl }}">Yes</a>'


def mail(**more: Any) -> dict[str, Any]:
    return {
        "sender": {"email": "no-reply@x.eu", "name": "Shop"},
        "to": [{"email": "ada@x.eu"}],
        "subject": "Hello",
        "htmlContent": "<p>Hello</p>",
        **more,
    }


def test_a_mail_is_accepted_and_logged(api: Api, simulator: BrevoSimulator) -> None:
    id = api.post("/smtp/email", mail(tags=["t1"]))["messageId"]
    assert id.startswith("<2026")
    assert id.endswith("@smtp-relay.mailin.fr>")
    (entry,) = api.get("/smtp/emails", email="ADA@x.eu")["transactionalEmails"]
    assert (entry["messageId"], entry["subject"], entry["from"]) == (id, "Hello", "no-reply@x.eu")
    assert api("GET", "/smtp/emails").status_code == 400
    assert simulator.sent_mails[0].tags == ["t1"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (mail(to=[{"email": "nonsense"}]), "email is not valid in to"),
        (mail(cc=[{"email": "nonsense"}]), "email is not valid in cc"),
        (mail(sender={"email": "nonsense"}), "sender not valid"),
        (mail(sender=None), "sender is missing"),
        (mail(subject=""), "subject is missing"),
        (mail(to=[]), "to is missing"),
        (mail(htmlContent=None, textContent="text only"), "htmlContent is missing"),
        (mail(to=[{"email": "ada@x.eu", "name": "x" * 71}]), "name is too long in to"),
        (mail(templateId=99), "Invalid template id"),
        (
            mail(messageVersions=[{"to": [{"email": "a@x.eu"}], "templateId": 12}]),
            "templateId of a version needs a global templateId",
        ),
        (mail(to=[{"email": "ada@x.eu"}] * 2001), "Too many recipients"),
        (mail(messageVersions=[{"to": [{"email": "ada@x.eu"}] * 100}]), "Too many recipients"),
        (mail(messageVersions=[{"to": [{"email": "a@x.eu"}], "params": {"X": "y" * 102_400}}]), "params is too large"),
        (mail(scheduledAt="tomorrow"), "scheduledAt is not a valid date"),
    ],
)
def test_what_is_wrong_with_a_mail_is_said(
    api: Api, simulator: BrevoSimulator, body: dict[str, Any], message: str
) -> None:
    simulator.add_template(12)
    assert api.post("/smtp/email", body, status=400)["message"] == message
    assert simulator.sent_mails == []


def test_a_template_brings_subject_and_sender(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_template(12, subject="From the template", sender="shop@x.eu")
    api.post("/smtp/email", {"to": [{"email": "ada@x.eu"}], "templateId": 12, "params": {"NAME": "Ada"}})
    (sent,) = simulator.sent_mails
    assert (sent.subject, sent.sender, sent.params) == ("From the template", "shop@x.eu", {"NAME": "Ada"})


def test_versions_are_messages_of_their_own(api: Api, simulator: BrevoSimulator) -> None:
    versions = [{"to": [{"email": "a@x.eu"}], "params": {"N": 1}}, {"to": [{"email": "b@x.eu"}], "subject": "Other"}]
    ids = api.post("/smtp/email", mail(messageVersions=versions))["messageIds"]
    assert [sent.message_id for sent in simulator.sent_mails] == ids
    assert [(sent.to, sent.subject) for sent in simulator.sent_mails] == [(["a@x.eu"], "Hello"), (["b@x.eu"], "Other")]


def test_two_thousand_recipients_in_versions_of_99_are_allowed(api: Api, simulator: BrevoSimulator) -> None:
    versions = [{"to": [{"email": f"c{n}@x.eu"} for n in range(99)]} for _ in range(20)]
    api.post("/smtp/email", mail(messageVersions=versions))
    assert sum(len(sent.to) for sent in simulator.sent_mails) == 1980
    api.post("/smtp/email", mail(messageVersions=[*versions, versions[0]]), status=400)


def test_a_scheduled_mail_answers_202_with_a_batch_id(api: Api, simulator: BrevoSimulator) -> None:
    reply = api.post("/smtp/email", mail(scheduledAt="2026-12-01T09:00:00.000+01:00"), status=202)
    assert set(reply) == {"messageId", "batchId"}
    assert simulator.sent_mails[0].status == "scheduled"


@pytest.mark.parametrize("name", ["idempotencyKey", "IdempotencyKey"])
@pytest.mark.parametrize(
    "switches", [BrevoSwitches(), BrevoSwitches(replay_code="duplicate_request", replay_status=409)]
)
def test_a_repeated_idempotency_key_sends_once_in_thirty_minutes(
    api: Api, simulator: BrevoSimulator, name: str, switches: BrevoSwitches
) -> None:
    simulator.switches = switches
    body = mail(headers={name: "3f2b8c1e-0000-4000-8000-000000000000"})
    api.post("/smtp/email", body)
    api.clock.forward(29 * 60)
    refusal = api.post("/smtp/email", body, status=switches.replay_status)
    assert refusal["code"] == switches.replay_code
    assert len(simulator.sent_mails) == 1
    api.clock.forward(60)
    api.post("/smtp/email", body)
    assert len(simulator.sent_mails) == 2


def test_without_a_key_a_repeated_call_sends_twice(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/smtp/email", mail())
    api.post("/smtp/email", mail())
    assert len(simulator.sent_mails) == 2


def test_the_sandbox_accepts_and_sends_nothing(api: Api, simulator: BrevoSimulator) -> None:
    credits = simulator.credits
    assert api.post("/smtp/email", mail(headers={"X-Sib-Sandbox": "drop"}))["messageId"]
    assert (simulator.sent_mails, simulator.credits) == ([], credits)
    assert api.get("/smtp/emails", email="ada@x.eu")["count"] == 0


def test_a_blocked_recipient_is_accepted_and_shows_only_in_the_outcome(api: Api, simulator: BrevoSimulator) -> None:
    simulator.unsubscribe_transactional("ada@x.eu", "no-reply@x.eu")
    api.post("/smtp/email", mail())
    api.post("/smtp/email", mail(sender={"email": "other@x.eu"}))
    assert [sent.status for sent in simulator.sent_mails] == ["blocked", "delivered"]


def test_sending_costs_credits_and_stops_without_while_contacts_go_on(api: Api, simulator: BrevoSimulator) -> None:
    simulator.credits = 1
    assert api.get("/account")["plan"][0]["credits"] == 1
    api.post("/smtp/email", mail())
    assert api.post("/smtp/email", mail(), status=402)["code"] == "not_enough_credits"
    simulator.restore()
    simulator.exhaust_credits()
    assert api.post("/smtp/email", mail(), status=402)["code"] == "not_enough_credits"
    api.post("/contacts", {"email": "ada@x.eu"})


@pytest.mark.parametrize("status", [402, 400])
def test_an_account_under_validation_may_not_send(api: Api, simulator: BrevoSimulator, status: int) -> None:
    simulator.switches = BrevoSwitches(under_validation_status=status)
    simulator.under_validation()
    assert api.post("/smtp/email", mail(), status=status)["code"] == "account_under_validation"
    api.post("/contacts", {"email": "ada@x.eu"})


def test_templates_are_created_changed_and_deleted(api: Api) -> None:
    sender = {"name": "Shop", "email": "shop@x.eu"}
    body = {"templateName": "Follow-up", "subject": "Hello", "sender": sender, "htmlContent": "<p>Hello there</p>"}
    assert api.post("/smtp/templates", body) == {"id": 1}
    api.put("/smtp/templates/1", {"isActive": True, "subject": "Hi", "tag": "optin", "htmlContent": DOI})
    shown = api.get("/smtp/templates/1")
    assert (shown["subject"], shown["isActive"], shown["doiTemplate"]) == ("Hi", True, True)
    assert api.get("/smtp/templates", templateStatus="false")["count"] == 0
    assert "doiTemplate" not in api.get("/smtp/templates", templateStatus="true")["templates"][0]
    api.delete("/smtp/templates/1")
    assert api("GET", "/smtp/templates/1").status_code == 404
    api.post("/smtp/templates", {**body, "htmlContent": ""}, status=400)
    api.post("/smtp/templates", {**body, "sender": None}, status=400)


def test_test_mails_go_to_known_contacts_fifty_a_day(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_template(1)
    simulator.add_contact("ada@x.eu", list_ids=[2])
    simulator.add_contact("bob@x.eu")
    simulator.add_contact("eve@x.eu", list_ids=[2], email_blacklisted=True)
    refusal = api.post("/smtp/templates/1/sendTest", {"emailTo": ["no@x.eu", "bob@x.eu", "eve@x.eu"]}, status=400)
    assert refusal["unexistingEmails"] == ["no@x.eu"]
    assert refusal["withoutListEmails"] == ["bob@x.eu"]
    assert refusal["blackListedEmails"] == ["eve@x.eu"]
    for _ in range(50):
        api.post("/smtp/templates/1/sendTest", {"emailTo": ["ada@x.eu"]}, status=204)
    assert api.post("/smtp/templates/1/sendTest", {"emailTo": ["ada@x.eu"]}, status=400)["code"] == "out_of_range"
    api.clock.forward(24 * 3600)
    api.post("/smtp/templates/1/sendTest", {"emailTo": ["ada@x.eu"]}, status=204)


def opt_in(**more: Any) -> dict[str, Any]:
    return {
        "email": "ada@x.eu",
        "includeListIds": [2],
        "redirectionUrl": "https://x.eu/thanks",
        "templateId": 5,
        "attributes": {"FIRSTNAME": "Ada"},
        **more,
    }


def test_double_opt_in_creates_the_contact_only_on_the_click(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_template(5, html=DOI, tag="optin")
    reply = api("POST", "/contacts/doubleOptinConfirmation", opt_in())
    assert (reply.status_code, reply.content) == (201, b"")
    assert simulator.contacts == {}
    assert simulator.sent_mails[0].to == ["ada@x.eu"]
    simulator.click_opt_in("ada@x.eu")
    assert simulator.contacts["ada@x.eu"].list_ids == {2}
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}
    api.post("/contacts/doubleOptinConfirmation", opt_in(), status=204)
    simulator.switches = BrevoSwitches(doi_known=201)
    api.post("/contacts/doubleOptinConfirmation", opt_in())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (opt_in(includeListIds=None), "includeListIds is missing"),
        (opt_in(redirectionUrl="/thanks"), "redirectionUrl is not a valid URL"),
        (opt_in(templateId=99), "Invalid template id"),
        (opt_in(templateId=6), "An active DOI template does not exist"),
        (opt_in(templateId=7), "An active DOI template does not exist"),
    ],
)
def test_double_opt_in_needs_a_fitting_template(
    api: Api, simulator: BrevoSimulator, body: dict[str, Any], message: str
) -> None:
    simulator.add_template(5, html=DOI, tag="optin")
    simulator.add_template(6, html=DOI, tag="optin", is_active=False)
    simulator.add_template(7, html=DOI)
    assert api.post("/contacts/doubleOptinConfirmation", body, status=400)["message"] == message


def campaign(**more: Any) -> dict[str, Any]:
    return {
        "name": "May",
        "sender": {"email": "shop@x.eu"},
        "subject": "Hello",
        "htmlContent": "<p>Hello there</p>",
        "recipients": {"listIds": [2], "exclusionListIds": [7]},
        **more,
    }


def test_a_campaign_reaches_its_lists_without_excluded_and_blocklisted(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_list(7, "Staff")
    simulator.add_contact("ada@x.eu", list_ids=[2])
    simulator.add_contact("bob@x.eu", list_ids=[2, 7])
    simulator.add_contact("eve@x.eu", list_ids=[2], email_blacklisted=True)
    assert api.post("/emailCampaigns", campaign()) == {"id": 1}
    assert api.get("/emailCampaigns/1")["status"] == "draft"
    api.post("/emailCampaigns/1/sendTest", {"emailTo": ["ada@x.eu"]}, status=204)
    api.post("/emailCampaigns/1/sendNow", status=204)
    assert simulator.campaigns[1].recipients == ["ada@x.eu"]
    assert api.post("/emailCampaigns/1/sendNow", status=400)["code"] == "campaign_sent"
    assert api.get("/emailCampaigns", status="sent")["count"] == 1
    api.put("/emailCampaigns/1/status", {"status": "replicate"})
    assert simulator.campaigns[2].status == "draft"
    api.put("/emailCampaigns/2/status", {"status": "archive"})
    api.put("/emailCampaigns/2/status", {"status": "lost"}, status=400)
    api.post("/emailCampaigns/9/sendNow", status=404)


def test_a_campaign_needs_credits(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", list_ids=[2])
    api.post("/emailCampaigns", campaign(recipients={"listIds": [2]}))
    simulator.exhaust_credits()
    assert api.post("/emailCampaigns/1/sendNow", status=402)["code"] == "not_enough_credits"


@pytest.mark.parametrize(
    "body",
    [
        campaign(name=None),
        campaign(htmlContent="short"),
        campaign(htmlContent=None),
        campaign(subject=None),
        campaign(recipients={"listIds": [99]}),
        campaign(htmlContent=None, templateId=99),
    ],
)
def test_incomplete_campaigns_are_refused(api: Api, body: dict[str, Any]) -> None:
    api.post("/emailCampaigns", body, status=400)
