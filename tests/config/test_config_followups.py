"""Rules below `follow_ups`: what could never send anything is refused, with its line and what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tajo.config.load import Config

Load = Callable[..., Config]
Refusal = Callable[[str], list[str]]
RULE = "follow_ups:\n  - name: thanks\n    when: {when}\n"
SEND = "    send: {template: 12}\n"


def rule(*lines: str, when: str = "webinar.attended", send: str = SEND) -> str:
    return RULE.format(when=when) + "".join(f"    {line}\n" for line in lines) + send


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("wait: 5d",), "4: follow_ups[0].wait of 5d is not shorter than max_age, 3d"),
        (("max_age: 3h", "wait: 180m"), "5: follow_ups[0].wait of 3h is not shorter than max_age, 3h"),
    ],
)
def test_a_wait_for_as_long_as_max_age_is_refused(refusal: Refusal, lines: tuple[str, ...], said: str) -> None:
    assert refusal(rule(*lines)) == [f"tajo.yml:{said}, so nothing would ever be sent"]


def test_a_shorter_wait_is_not(load_text: Load) -> None:
    assert load_text(rule("wait: 71h")).follow_ups[0].rule(frozenset()).wait.total_seconds() == 71 * 3600


@pytest.mark.parametrize(
    ("when", "who", "said"),
    [
        ("webinar.attended", "no_show", "webinar.attended is never about them, only about attended and left_early"),
        ("meeting.no_show", "left_early", "meeting.no_show is never about them, only about no_show"),
        ("webinar.registered", "attended", "webinar.registered is before anybody could have come; take to out"),
    ],
)
def test_to_of_people_whom_the_moment_excludes_is_refused(refusal: Refusal, when: str, who: str, said: str) -> None:
    assert refusal(rule(f"to: [{who}]", when=when)) == [f"tajo.yml:4: follow_ups[0].to[0] cannot be {who}: {said}"]


def test_to_of_a_campaign_is_no_other(refusal: Refusal) -> None:
    campaign = "    campaign: {template: 12, list: 'Seen {date}', to: [attended, no_show]}\n"
    (line,) = refusal(rule(send=campaign))
    assert line.startswith("tajo.yml:4: follow_ups[0].campaign.to[1] cannot be no_show: ")


def test_a_yes_or_no_that_is_neither_is_refused(refusal: Refusal) -> None:
    (line,) = refusal(rule("if:", "  topic: demo", "  left_early: maybe"))
    assert line.startswith("tajo.yml:6: follow_ups[0].if.left_early must be true or false, yes or no, 예 or 아니요")


@pytest.mark.parametrize("campaign", ["{template: 13, list: 'Seen {date}'}", "{template: 13}"])
def test_both_send_and_campaign_are_one_line(refusal: Refusal, campaign: str) -> None:
    said = "follow_ups[0] has both send and campaign: give send or campaign, not both"
    assert refusal(rule(f"campaign: {campaign}")) == [f"tajo.yml:2: {said}"]


def test_neither_is_said_as_neither(refusal: Refusal) -> None:
    assert refusal(rule(send="")) == ["tajo.yml:2: follow_ups[0] says nothing to send: give send or campaign"]


def test_a_dump_has_conditions_and_parameters_as_they_were_written(load_text: Load) -> None:
    """Commands compare dumps to see whether the service works with another configuration."""
    send = "    send: {template: 12, params: {minutes: duration_minutes}}\n"
    dumped = load_text(rule("if: {attended_percent: '>= 50'}", send=send)).model_dump(mode="json")["follow_ups"][0]
    assert dumped["if_"] == {"attended_percent": [">= 50"]}
    assert dumped["send"]["params"] == {"minutes": "duration_minutes"}
