"""The `consent:` block: absent it changes nothing, and whatever is wrong in it is said with its line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., Any]
Refusal = Callable[[str], list[str]]

ASK = "consent:\n  question: May we write to you?\n"


def test_without_the_block_there_is_no_policy(load_text: Load) -> None:
    assert load_text("").consent is None
    assert load_text("consent:").consent is None


def test_a_question_is_enough(load_text: Load) -> None:
    found = load_text(ASK).consent
    assert (found.question, found.yes, found.on_missing) == ("May we write to you?", ("Yes", "예"), "contact_only")


def test_a_bare_yes_is_text(load_text: Load) -> None:
    """In YAML 1.2, which this is, it is no truth value."""
    assert load_text(ASK + "  yes: [yes, Sí]").consent.yes == ("yes", "Sí")


def test_asking_everybody_by_mail_needs_no_question(load_text: Load) -> None:
    text = "consent:\n  on_missing: double_opt_in\n  double_opt_in: {template: 12, redirect_url: https://x.kr/ok/}"
    found = load_text(text).consent
    assert (found.question, found.double_opt_in.template) == (None, 12)
    assert found.double_opt_in.redirect_url == "https://x.kr/ok"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ASK + "  on_misssing: skip", "tajo.yml:3: consent.on_misssing is no setting, did you mean on_missing?"),
        (ASK + "  on_missing: contact", "tajo.yml:3: consent.on_missing must be contact_only, skip, double_opt_in or"),
        (ASK + "  yes: Yes", "tajo.yml:3: consent.yes must be a list"),
        (ASK + "  yes: []", "tajo.yml:1: consent must have an answer that means yes"),
        (ASK + "  yes: [true]", "tajo.yml:3: consent.yes[0] must be text, not true or false"),
        (ASK + "  on_missing: double_opt_in", "tajo.yml:1: consent must have double_opt_in.template"),
        ("consent:\n  on_missing: skip", "tajo.yml:1: consent must have a question"),
        (ASK + "  double_opt_in: {template: 0}", "tajo.yml:3: consent.double_opt_in.template must be at least 1"),
        (
            ASK + "  double_opt_in: {redirect_url: x}",
            "tajo.yml:3: consent.double_opt_in.redirect_url must be a web address",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(refusal: Refusal, text: str, said: str) -> None:
    (line,) = refusal(text)
    assert line.startswith(said)
