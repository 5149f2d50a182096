"""Who asked not to be written to stays so, except where Brevo lifts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api


def test_writing_a_blocklisted_contact_again_keeps_it_blocklisted(api: Api, simulator: BrevoSimulator) -> None:
    contact = simulator.add_contact("ada@x.eu", email_blacklisted=True)
    api.post("/contacts", {"email": "ada@x.eu", "updateEnabled": True, "listIds": [2]}, status=204)
    api.put("/contacts/ada%40x.eu", {"attributes": {"FIRSTNAME": "Ada"}})
    assert contact.email_blacklisted
    assert contact.list_ids == {2}


def test_the_blocklist_is_set_by_true_and_lifted_by_an_explicit_false(api: Api) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "emailBlacklisted": True, "smsBlacklisted": True})
    shown = api.get("/contacts/ada%40x.eu")
    assert (shown["emailBlacklisted"], shown["smsBlacklisted"]) == (True, True)
    api.put("/contacts/ada%40x.eu", {"emailBlacklisted": False})
    shown = api.get("/contacts/ada%40x.eu")
    assert (shown["emailBlacklisted"], shown["smsBlacklisted"]) == (False, True)


def test_a_new_address_resubscribes_a_blocklisted_contact(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", email_blacklisted=True)
    api.put("/contacts/ada%40x.eu", {"attributes": {"EMAIL": "Ada@y.eu"}})
    assert not simulator.contacts["ada@y.eu"].email_blacklisted
    assert "ada@x.eu" not in simulator.contacts


def test_the_same_address_again_does_not_resubscribe(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", email_blacklisted=True)
    api.put("/contacts/ada%40x.eu", {"attributes": {"EMAIL": "ADA@x.eu"}})
    assert simulator.contacts["ada@x.eu"].email_blacklisted


def test_deleting_and_creating_again_loses_the_opt_out(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", email_blacklisted=True)
    api.delete("/contacts/ada%40x.eu")
    api.post("/contacts", {"email": "ada@x.eu"})
    assert not simulator.contacts["ada@x.eu"].email_blacklisted


def test_changing_to_an_address_that_exists_is_refused(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", email_blacklisted=True)
    simulator.add_contact("bob@x.eu")
    refusal = api.put("/contacts/ada%40x.eu", {"attributes": {"EMAIL": "bob@x.eu"}}, status=400)
    assert refusal["message"] == "Unable to update contact, email is already associated with another Contact"
    assert refusal["metadata"] == {"duplicate_identifiers": ["email"]}
    assert simulator.contacts["ada@x.eu"].email_blacklisted


def test_an_unsubscription_shows_among_the_modified_contacts(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_list(9, "News")
    simulator.add_contact("ada@x.eu", list_ids=[9])
    api.clock.forward(60)
    simulator.unsubscribe("ada@x.eu", list_ids=[9])
    (contact,) = api.get("/contacts", modifiedSince="2026-11-24T12:00:30.000Z")["contacts"]
    assert (contact["emailBlacklisted"], contact["listUnsubscribed"]) == (True, [9])


def test_a_hard_bounce_blocklists_everywhere(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    simulator.hard_bounce("ada@x.eu")
    assert api.get("/contacts/ada%40x.eu")["emailBlacklisted"]
    (blocked,) = api.get("/smtp/blockedContacts")["contacts"]
    assert (blocked["email"], blocked["reason"]["code"]) == ("ada@x.eu", "hardBounce")


def test_the_transactional_blocklist_is_apart_and_per_sender(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    simulator.unsubscribe_transactional("ada@x.eu", "no-reply@x.eu")
    assert not simulator.contacts["ada@x.eu"].email_blacklisted
    assert api.get("/smtp/blockedContacts", senders="other@x.eu")["count"] == 0
    assert api.get("/smtp/blockedContacts", senders="no-reply@x.eu,other@x.eu")["count"] == 1
    api.delete("/smtp/blockedContacts/ada%40x.eu")
    assert api.get("/smtp/blockedContacts")["count"] == 0
    api.delete("/smtp/blockedContacts/ada%40x.eu", status=404)


def test_forbidden_senders_of_a_contact_are_on_the_transactional_blocklist(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    api.put("/contacts/ada%40x.eu", {"smtpBlacklistSender": ["no-reply@x.eu"]})
    (blocked,) = simulator.blocked
    assert (blocked.email, blocked.sender, blocked.code) == ("ada@x.eu", "no-reply@x.eu", "unsubscribedViaApi")


def test_consent_groups_are_an_opt_in_feature(api: Api, simulator: BrevoSimulator) -> None:
    assert api("GET", "/contacts/consent-groups").json()["code"] == "CONSENT_GROUP_NOT_ENABLED"
    simulator.switches = BrevoSwitches(consent_groups=True)
    simulator.add_contact("ada@x.eu", list_ids=[2])
    group = api.post("/contacts/consent-groups", {"name": "News", "signupMode": "manual", "listIds": [2]})
    assert (group["id"], group["contactsCount"]) == (1, 1)
    assert api.post("/contacts/consent-groups", {"name": "News", "signupMode": "manual"}, status=409)
    assert api.get("/contacts/ada%40x.eu")["consentGroups"] == [{"id": 1, "status": "subscribed"}]
    assert api.put("/contacts/consent-groups/1", {"name": "Letters"}, status=200)["name"] == "Letters"
    assert api.get("/contacts/consent-groups")["total"] == 1
    api.delete("/contacts/consent-groups/1")
    assert api("GET", "/contacts/consent-groups/1").status_code == 404
