"""Brevo's part of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tajo.config.values import Credential, Part, WebAddress


class BrevoConfig(Part):
    """The account that is written to."""

    api_key: Credential | None = Field(
        default=None, description="Brevo's API key (v3). Without this line it is BREVO_API_KEY from the environment."
    )
    api_url: WebAddress = Field(default="https://api.brevo.com/v3", description="Where Brevo's API is.")
    tier: Literal["general", "advanced", "extended"] = Field(
        default="general",
        description="Brevo's rate limits for your plan: general for every plan, advanced with Professional and "
        "Enterprise, extended where Enterprise has it.",
    )
