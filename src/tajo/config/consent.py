"""The `consent:` block: whom Tajo may put on lists and write to."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tajo.config.values import Number, Part, Text, WebAddress, refuse


class DoubleOptInConfig(Part):
    """How Brevo asks for a confirmation."""

    template: Number | None = Field(
        default=None,
        ge=1,
        description="The number of the Brevo template that asks: active, with the tag optin and a double opt-in link.",
    )
    redirect_url: WebAddress | None = Field(
        default=None, description="The page that people see after the click in that mail."
    )


class ConsentConfig(Part):
    """Consent to marketing mail; without this block everybody goes on the lists."""

    question: Text | None = Field(
        default=None, description="The title of the registration question that asks for consent, as in Zoom."
    )
    yes: tuple[Text, ...] = Field(
        default=("Yes", "예"), description="The answers that mean yes; every other answer means no."
    )
    on_missing: Literal["contact_only", "skip", "double_opt_in", "transactional_only"] = Field(
        default="contact_only",
        description="What becomes of people without an answer: contact_only writes a contact that is on no list and "
        "gets no mail, skip nothing, double_opt_in has Brevo ask, transactional_only a contact that gets follow-ups.",
    )
    double_opt_in: DoubleOptInConfig = Field(
        default=DoubleOptInConfig(), description="How Brevo asks, for on_missing: double_opt_in."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.on_missing == "double_opt_in":
            if self.double_opt_in.template is None or self.double_opt_in.redirect_url is None:
                raise refuse("must have double_opt_in.template and double_opt_in.redirect_url to ask with")
        elif self.question is None:
            raise refuse("must have a question: without one nobody could ever say yes")
        if not self.yes:
            raise refuse("must have an answer that means yes")
        return self
