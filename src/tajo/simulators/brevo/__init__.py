"""A simulator of Brevo's REST API v3, written from its documentation alone."""

from tajo.simulators.brevo.records import (
    Attribute,
    Blocked,
    Campaign,
    ConsentGroup,
    Contact,
    ContactList,
    Delivery,
    Event,
    Folder,
    PendingOptIn,
    Process,
    SentMail,
    Template,
    Webhook,
)
from tajo.simulators.brevo.simulator import BrevoSimulator
from tajo.simulators.brevo.switches import BrevoSwitches, Tier

__all__ = [
    "Attribute",
    "Blocked",
    "BrevoSimulator",
    "BrevoSwitches",
    "Campaign",
    "ConsentGroup",
    "Contact",
    "ContactList",
    "Delivery",
    "Event",
    "Folder",
    "PendingOptIn",
    "Process",
    "SentMail",
    "Template",
    "Tier",
    "Webhook",
]
