from __future__ import annotations

import pytest

from tajo.brevo.api import account
from tajo.brevo.api.account import Plan

ANSWER = {
    "organization_id": "5fa0c0ffee",
    "email": "ops@shop.eu",
    "companyName": "Shop",
    "plan": [
        {"type": "free", "creditsType": "sendLimit", "credits": 287, "startDate": "1751234567"},
        {"type": "payAsYouGo", "creditsType": "sendLimit", "credits": 1000.0},
        {"type": "sms", "credits": 15, "creditsType": "sendLimit"},
    ],
    "planVerticals": [{"planCategory": "Marketing"}],
}


def test_the_account_is_read_with_its_mail_credits() -> None:
    """287 free and 1000 paid mails; the 15 text messages do not count."""
    call = account.get()
    assert (call.method, call.path, call.label) == ("GET", "/account", "other")
    read = call.parse(ANSWER)
    assert (read.email, read.company, read.credits) == ("ops@shop.eu", "Shop", 1287)
    assert read.plans[0] == Plan("free", "sendLimit", 287)


def test_an_account_that_says_nothing_of_plans_has_unknown_credits() -> None:
    for more in ({}, {"plan": None}, {"plan": [{"type": "subscription"}]}):
        assert account.get().parse({"email": "ops@shop.eu", **more}).credits is None


def test_an_answer_without_the_accounts_email_is_not_an_account() -> None:
    with pytest.raises(LookupError):
        account.get().parse({"companyName": "Shop"})
