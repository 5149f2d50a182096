"""The rules below `follow_ups`: which mail goes to whom after which moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator
from pydantic_core import InitErrorDetails, ValidationError

from tajo.config.values import Duration, Kind, Number, Part, PositiveDuration, Text, format_duration, refuse
from tajo.core import conditions
from tajo.core.announce import Moment
from tajo.core.conditions import Comparison, Condition
from tajo.core.facts import Kind as SessionKind
from tajo.core.fields import FIELDS, question
from tajo.core.fields import Field as Mappable
from tajo.core.followups import Campaign, Rule, Window, those_within

When = Literal[
    "webinar.registered",
    "webinar.cancelled",
    "webinar.attended",
    "webinar.no_show",
    "meeting.registered",
    "meeting.cancelled",
    "meeting.attended",
    "meeting.no_show",
    "recording.ready",
]
Who = Literal["attended", "no_show", "unknown", "left_early"]
Scalar = str | int | float | bool
_QUESTION = re.compile(r"""question:\s*(["']?)(?P<title>.+?)\1\s*""")
_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)"


def _refused(loc: tuple[str | int, ...], text: str) -> InitErrorDetails:
    return InitErrorDetails(type=refuse(text), loc=loc, input=None)


def _raise(errors: list[InitErrorDetails]) -> None:
    if errors:
        raise ValidationError.from_exception_data("follow_ups", errors, hide_input=True)


def _field(name: str) -> Mappable:
    """The field of the catalogue with this name, or of a question. ValueError says what is wrong."""
    if match := _QUESTION.fullmatch(name):
        return question(match["title"])
    if name in FIELDS:
        return FIELDS[name]
    import difflib

    near = difflib.get_close_matches(name, FIELDS, 1)
    raise ValueError("is no field" + (f", did you mean {near[0]}?" if near else ""))


def _conditions(block: Any) -> tuple[Condition, ...]:
    """`if`: field → one comparison, or a list of which one has to hold."""
    if not isinstance(block, Mapping):
        raise refuse('must be a group of lines such as attended_percent: ">= 50"')
    found, errors = [], []
    for name, written in block.items():
        several = written if isinstance(written, list | tuple) else [written]
        try:
            field = _field(str(name))
            found.append(Condition(field, tuple(_comparison(field, each) for each in several)))
        except ValueError as error:
            errors.append(_refused((str(name),), str(error)))
    _raise(errors)
    return tuple(found)


def _comparison(field: Mappable, written: Any) -> Comparison:
    if not isinstance(written, str | int | float) or written == "":
        raise ValueError("must be a text, a number or a comparison")
    return conditions.comparison(field, written)


def _params(block: Any) -> tuple[tuple[str, Mappable], ...]:
    """`params`: name in the template → field."""
    if not isinstance(block, Mapping):
        raise refuse("must be a group of lines such as minutes: duration_minutes")
    found, errors = [], []
    for name, written in block.items():
        try:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,79}", str(name)):
                raise ValueError("must be a name of letters, digits and underscores, as the template has it")
            found.append((str(name), _field(str(written))))
        except ValueError as error:
            errors.append(_refused((str(name),), str(error)))
    _raise(errors)
    return tuple(found)


def _written_conditions(found: tuple[Condition, ...]) -> dict[str, list[str]]:
    """As the file has them: how a field is read is a function, which no dump of the configuration can hold."""
    return {each.field.name: [f"{one.sign} {one.wanted}" for one in each.any_of] for each in found}


def _written_params(found: tuple[tuple[str, Mappable], ...]) -> dict[str, str]:
    return {name: field.name for name, field in found}


def _clock(value: Any) -> time:
    match = re.fullmatch(rf"next\s+{_CLOCK}", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise refuse('must be a time of day such as "next 09:00"')
    return time(int(match[1]), int(match[2]))


def _window(value: Any) -> Window:
    match = re.fullmatch(rf"{_CLOCK}\s*-\s*{_CLOCK}", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise refuse('must be two times of day such as "21:00-08:00"')
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise refuse("must not be the whole day")
    return Window(start, end)


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w-]{1,60}", text):
        raise refuse("must be one word of letters, digits, - and _, at most 60")
    return text


class MailConfig(Part):
    """A transactional mail of a Brevo template."""

    template: Number = Field(ge=1, description="The id of an active template in Brevo.")
    params: Annotated[
        tuple[tuple[str, Any], ...],
        BeforeValidator(_params),
        PlainSerializer(_written_params, when_used="json"),
        Kind("name: field"),
    ] = Field(default=(), description="The template's parameters, each from a field; see the list of fields.")


def _list(text: str) -> str:
    unknown = [each for each in re.findall(r"\{(\w*)\}", text) if each not in ("topic", "date")]
    if unknown:
        raise refuse("must have no other placeholders than {topic} and {date}")
    if "{date}" not in text:
        raise refuse("must have {date} in it: every session has a list of its own")
    return text


class CampaignConfig(Part):
    """A campaign of a Brevo template to a list of its own."""

    template: Number = Field(ge=1, description="The id of an active template in Brevo.")
    list: Annotated[Text, AfterValidator(_list)] = Field(
        description="The name of the list that is made for it, with {topic} and {date}."
    )
    to: tuple[Who, ...] = Field(default=(), description="Only to these.")
    mode: Literal["draft", "send"] = Field(default="draft", description="Leave it as a draft, or send it.")


def _beyond(when: str, who: str, within: frozenset[str]) -> str:
    if not within:
        return f"cannot be {who}: {when} is before anybody could have come; take to out"
    return f"cannot be {who}: {when} is never about them, only about {' and '.join(sorted(within))}"


class FollowUpConfig(Part):
    """One rule. A person gets its mail at most once for each occurrence."""

    name: Annotated[Text, AfterValidator(_name)] = Field(
        description="What the rule is called; a new name is a new rule."
    )
    when: When = Field(description="The moment that starts it.")
    if_: Annotated[
        tuple[Any, ...],
        BeforeValidator(_conditions),
        PlainSerializer(_written_conditions, when_used="json"),
        Kind("field: comparison"),
    ] = Field(default=(), alias="if", description="All of these have to hold: comparisons, and globs such as 제품*.")
    wait: Duration = Field(default=timedelta(), description="How long after the moment.")
    at: Annotated[Any, BeforeValidator(_clock), Kind("next HH:MM")] = Field(
        default=None, description="At this time of day instead, in the session's zone."
    )
    quiet_hours: Annotated[Any, BeforeValidator(_window), Kind("HH:MM-HH:MM")] = Field(
        default=None, description="No mail between these times of day, in the session's zone: it goes at their end."
    )
    max_age: PositiveDuration = Field(
        default=timedelta(hours=72), description="No mail for a session that ended longer ago."
    )
    to: tuple[Who, ...] = Field(default=(), description="Only to these; recording.ready: by default as the event.")
    send: MailConfig | None = Field(default=None, description="The mail, to each person.")
    campaign: CampaignConfig | None = Field(
        default=None, description="Instead of single mails one campaign to them all."
    )

    @model_validator(mode="before")
    @classmethod
    def _not_both(cls, data: Any) -> Any:
        """Said before what either of the two lacks: one of them is to go."""
        if isinstance(data, dict) and data.get("send") is not None and data.get("campaign") is not None:
            raise refuse("has both send and campaign: give send or campaign, not both")
        return data

    @model_validator(mode="after")
    def _one_of_each(self) -> FollowUpConfig:
        if self.at is not None and self.wait:
            raise refuse("has both wait and at: keep one of the two")
        if self.send is None and self.campaign is None:
            raise refuse("says nothing to send: give send or campaign")
        if self.campaign is not None and self.when.endswith((".registered", ".cancelled")):
            raise refuse("has a campaign, which is for sessions that are over: use send")
        return self

    @model_validator(mode="after")
    def _can_come_true(self) -> FollowUpConfig:
        """What would silently send nothing, ever, is refused."""
        errors = []
        if self.wait >= self.max_age:
            wait, most = format_duration(self.wait), format_duration(self.max_age)
            text = f"of {wait} is not shorter than max_age, {most}, so nothing would ever be sent"
            errors.append(_refused(("wait",), text))
        within = those_within(self.moment)
        for place, written in ((("to",), self.to), (("campaign", "to"), self.campaign.to if self.campaign else ())):
            for at, who in enumerate(written):
                if who not in within:
                    errors.append(_refused((*place, at), _beyond(self.when, who, within)))
        _raise(errors)
        return self

    @property
    def moment(self) -> Moment:
        kind, _, moment = self.when.partition(".")
        return Moment.RECORDING_READY if kind == "recording" else Moment(moment)

    @property
    def template(self) -> int:
        return self.send.template if self.send else self.campaign.template if self.campaign else 0

    def rule(self, ready: frozenset[str]) -> Rule:
        """The rule as the core knows it; `ready` are the outcomes that hear of recordings without a `to`."""
        recording = self.moment is Moment.RECORDING_READY
        return Rule(
            name=self.name,
            kind=None if recording else SessionKind(self.when.partition(".")[0]),
            moment=self.moment,
            template=self.template,
            conditions=self.if_,
            wait=self.wait,
            at=self.at,
            quiet=self.quiet_hours,
            max_age=self.max_age,
            to=frozenset(self.to or (self.campaign.to if self.campaign else ()))
            or (ready if recording else frozenset()),
            params=self.send.params if self.send else (),
            campaign=Campaign(self.campaign.list, self.campaign.mode == "send") if self.campaign else None,
        )


def no_two_alike(rules: tuple[FollowUpConfig, ...]) -> tuple[FollowUpConfig, ...]:
    names = [each.name for each in rules]
    errors = [_refused((at, "name"), "is another rule's, too") for at, name in enumerate(names) if name in names[:at]]
    _raise(errors)
    return rules


FollowUps = Annotated[tuple[FollowUpConfig, ...], AfterValidator(no_two_alike), Kind("list of rules")]
