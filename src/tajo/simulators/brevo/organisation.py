"""GET /account. Source: developers.brevo.com/reference/get-account."""

from __future__ import annotations

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import Ask, Reply


def get_account(account: Account, _ask: Ask) -> Reply:
    """Whose key this is, the plan and its credits; only the credits change."""
    return Reply(
        200,
        {
            "organization_id": "5fa0c0ffee",
            "user_id": 1234567,
            "enterprise": account.limiter.tier == "extended",
            "email": "ops@shop.example",
            "firstName": "Ada",
            "lastName": "L",
            "companyName": "Shop",
            "address": {"street": "1 Rue", "city": "Paris", "zipCode": "75001", "country": "France"},
            "plan": [
                {"type": "subscription", "creditsType": "sendLimit", "credits": account.credits},
                {"type": "sms", "creditsType": "sendLimit", "credits": 15},
            ],
            "planVerticals": [],
            "relay": {
                "enabled": True,
                "data": {"userName": "ops@shop.example", "relay": "smtp-relay.brevo.com", "port": 587},
            },
            "marketingAutomation": {"enabled": True, "key": "ma8k2x"},
        },
    )
