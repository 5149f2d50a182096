"""The `engagement` block: weights that are a whole, and what is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tajo.config.engagement import EngagementConfig
from tajo.config.load import Config, InvalidConfigError, load
from tajo.core.engagement import Weights
from tajo.core.outcome import Outcome
from tajo.workflows.services import terms_of


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "tajo.yml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        load(written(tmp_path, text), env={})
    return str(caught.value)


def test_without_the_block_the_weights_are_the_usual_ones() -> None:
    """Those of the configuration and those of the core are the same."""
    assert terms_of(Config()).weights == Weights()
    assert EngagementConfig().weights.model_dump() == {
        "presence": 50,
        "to_the_end": 10,
        "polls": 15,
        "questions": 10,
        "repeat": 15,
    }


def test_what_is_written_decides(tmp_path: Path) -> None:
    text = "engagement:\n  weights: {presence: 60, repeat: 5}\n  enough: {polls: 4}\n"
    text += "events: {recording_ready: [no_show]}\n"
    terms = terms_of(load(written(tmp_path, text), env={}))
    assert terms.weights == Weights(presence=60, repeat=5, enough_polls=4)
    assert terms.recording_for == {Outcome.NO_SHOW}


def test_weights_that_are_no_whole_are_refused_with_their_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "brevo: {}\nengagement:\n  weights:\n    polls: 30\n")
    assert "tajo.yml:3" in error
    assert "engagement.weights must add up to 100, and add up to 115" in error
    assert "polls 30" in error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engagement:\n  weights: {presence: -5}\n", "engagement.weights.presence must be at least 0"),
        ("engagement:\n  weights: {presence: 101}\n", "engagement.weights.presence must be at most 100"),
        ("engagement:\n  enough: {polls: 0}\n", "engagement.enough.polls must be at least 1"),
        ("engagement:\n  weights: {presense: 50}\n", "did you mean presence?"),
        ("engagement:\n  weights: {polls: true}\n", "must be a whole number, not true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    error = refused(tmp_path, text)
    assert "tajo.yml:2" in error
    assert said in error
