"""The account behind the key: a connection test, and how many mails it may still send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.reading import Record, optional_number, record, records, text
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the account: payAsYouGo, free, subscription or sms; `credits` is None where unlimited or unsaid."""

    type: str
    credits_type: str
    credits: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """`credits` are the mails that may still be sent, over all plans but SMS; None when no plan says."""

    email: str
    company: str
    plans: tuple[Plan, ...]
    credits: int | None


def get() -> Call[Account]:
    """The account of the key. It costs one of the 100 calls an hour of the `other` bucket.

    Source: https://developers.brevo.com/reference/get-account
    """
    return Call("GET", "/account", parse=_account, origin="brevo.account", label=limits.OTHER)


def _account(value: Any) -> Account:
    row = record(value)
    plans = tuple(_plan(plan) for plan in (records(row, "plan") if row.get("plan") else ()))
    left = [plan.credits for plan in plans if plan.type != "sms" and plan.credits is not None]
    return Account(str(row["email"]), text(row, "companyName"), plans, sum(left) if left else None)


def _plan(row: Record) -> Plan:
    return Plan(text(row, "type"), text(row, "creditsType"), optional_number(row, "credits"))
