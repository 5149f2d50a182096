"""How the score is made: the `engagement` block."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tajo.config.values import Number, Part, refuse

WHOLE = 100


class WeightsConfig(Part):
    """How many points each measure brings at most. Together they are 100."""

    presence: Number = Field(default=50, ge=0, le=WHOLE, description="Points for the share of the session present.")
    to_the_end: Number = Field(default=10, ge=0, le=WHOLE, description="Points for not leaving early.")
    polls: Number = Field(default=15, ge=0, le=WHOLE, description="Points for answering polls.")
    questions: Number = Field(default=10, ge=0, le=WHOLE, description="Points for asking questions in Q&A.")
    repeat: Number = Field(
        default=15,
        ge=0,
        le=WHOLE,
        description="Points for sessions attended in the 90 days before; all weights together are 100.",
    )

    @model_validator(mode="after")
    def _make_a_whole(self) -> Self:
        weights = self.model_dump()
        if (whole := sum(weights.values())) != WHOLE:
            told = ", ".join(f"{name} {points}" for name, points in weights.items())
            raise refuse(f"must add up to {WHOLE}, and add up to {whole} ({told})")
        return self


class EnoughConfig(Part):
    """How much of a measure brings all of its points."""

    polls: Number = Field(default=2, ge=1, description="So many polls answered bring all points for polls.")
    questions: Number = Field(default=1, ge=1, description="So many questions asked bring all points for questions.")
    sessions: Number = Field(default=3, ge=1, description="So many sessions before bring all points for repeat.")


class EngagementConfig(Part):
    """The score, 0 to 100."""

    weights: WeightsConfig = Field(default=WeightsConfig(), description="What brings how many points.")
    enough: EnoughConfig = Field(default=EnoughConfig(), description="How much brings all points.")
