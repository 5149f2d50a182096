"""Zoom's webhooks, simulated: the events that a world gives rise to, their delivery, and the subscriptions to them.

sender = WebhookSender(world, url="https://receiver.example/webhooks/zoom", secret="...", clock=clock)
await sender.validate()
await sender.send_all(events_of(world, session))
clock.forward(minutes=5)
await sender.tick()         # what is due: retries, late events, the validation every 72 hours

Source: https://developers.zoom.us/docs/api/webhooks/
"""

from tajo.simulators.zoom.webhooks.deliveries import Delivery, Mail, Validation
from tajo.simulators.zoom.webhooks.event import Event, app_deauthorized, twin, unknown
from tajo.simulators.zoom.webhooks.events import events_of
from tajo.simulators.zoom.webhooks.sender import WebhookSender
from tajo.simulators.zoom.webhooks.sessions import participant_uuid
from tajo.simulators.zoom.webhooks.subscriptions import Subscription, Subscriptions
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches
from tajo.simulators.zoom.webhooks.wire import Post, Reply, post_over_http, post_to, raw_body, sign

__all__ = [
    "Delivery",
    "Event",
    "Mail",
    "Post",
    "Reply",
    "Subscription",
    "Subscriptions",
    "Validation",
    "WebhookSender",
    "WebhookSwitches",
    "app_deauthorized",
    "events_of",
    "participant_uuid",
    "post_over_http",
    "post_to",
    "raw_body",
    "sign",
    "twin",
    "unknown",
]
