"""Seeded worlds for the simulators: who exists, what takes place, and the truth about it."""

from tajo.simulators.world.bulk import backfill, webinar
from tajo.simulators.world.live import Live, MovedClock, ShiftedClock, live_webinar, take_place
from tajo.simulators.world.model import (
    Answer,
    Instance,
    Occurrence,
    Panelist,
    Question,
    Recording,
    Registrant,
    Row,
    Session,
    TrackingSource,
    User,
    World,
)
from tajo.simulators.world.month import month
from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Date, Held, SessionPlan, Stage
from tajo.simulators.world.truth import TruthOccurrence, TruthPerson, union_s

__all__ = [
    "Answer",
    "Date",
    "Held",
    "Instance",
    "Live",
    "MovedClock",
    "Occurrence",
    "Panelist",
    "Person",
    "Question",
    "Recording",
    "Registrant",
    "Row",
    "Session",
    "SessionPlan",
    "ShiftedClock",
    "Stage",
    "TrackingSource",
    "TruthOccurrence",
    "TruthPerson",
    "User",
    "World",
    "backfill",
    "live_webinar",
    "month",
    "take_place",
    "union_s",
    "webinar",
]
