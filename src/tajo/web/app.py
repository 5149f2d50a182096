"""The service's routes: the webhook, and what tells whether all is well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tajo.core.errors import TajoError
from tajo.store import effects, enginerows, heartbeats, inbox, letters, notes, suppressions
from tajo.store.database import Database
from tajo.store.inbox import Inbox
from tajo.store.keys import Vault
from tajo.web.api import Api
from tajo.web.brevo import BrevoWebhook, Tokens
from tajo.web.metrics import Metrics
from tajo.web.oauth import callback
from tajo.web.webhook import ZoomWebhook
from tajo.workflows.jobs import alive
from tajo.workflows.opt_out_webhooks import PATH
from tajo.workflows.signin import SignIns
from tajo.workflows.sync import RECOVERED
from tajo.workflows.worker import waiting_since

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Web:
    """What the routes work with."""

    database: Database
    inbox: Inbox
    metrics: Metrics
    clock: Callable[[], datetime]
    webhook: ZoomWebhook
    opt_outs: BrevoWebhook | None = None

    def close(self) -> None:
        """Take no more deliveries: from now on the answer is 503, and Zoom sends them again."""
        self.webhook.closing = True
        if self.opt_outs is not None:
            self.opt_outs.closing = True


def build(
    database: Database,
    inbox_: Inbox,
    *,
    secrets: Callable[[], Sequence[str]],
    clock: Callable[[], datetime],
    metrics: Metrics,
    sign_ins: SignIns | None = None,
    api: Api | None = None,
    vault: Vault | None = None,
) -> tuple[Starlette, Web]:
    """The ASGI application; mount it under any server. `secrets` gives the webhook's secrets, the current one first.

    `sign_ins` finishes users' sign-ins with Zoom; without it there is no such route, without `api` none below /api/v1,
    and without `vault` (where the key is that opens the token) none for Brevo's webhooks.
    """
    web = Web(database, inbox_, metrics, clock, ZoomWebhook(inbox_, secrets, clock, metrics))
    routes: list[BaseRoute] = [
        Route("/webhooks/zoom", web.webhook, methods=None),
        Route("/healthz", health),
        Route("/readyz", ready),
        Route("/metrics", figures),
    ]
    if vault is not None:
        web.opt_outs = BrevoWebhook(database, Tokens(database, vault, clock), clock, metrics)
        routes.append(Route(PATH, web.opt_outs, methods=None))
    routes += [callback(sign_ins)] if sign_ins is not None else []
    routes += [api.mount()] if api is not None else []
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a delivery that is redirected is lost: Zoom follows no redirects
    app.state.web = web
    return app, web


async def health(request: Request) -> Response:
    """The process answers."""
    del request
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Both databases can be written, the schema is this version's, a worker is alive: 200; else 503 and why not."""
    web: Web = request.app.state.web
    found: dict[str, Any] = {}
    try:
        await web.database.write(notes.put, "readyz", True)
        await web.inbox.database.write(_touch)
        current = web.database.is_current() and web.inbox.database.is_current()
        found["database"] = "ok" if current else "not migrated"
        beats = await web.database.read(heartbeats.beats)
        found["worker"] = "ok" if alive(beats, web.clock()) else "no worker has shown itself for 30 s"
    except TajoError as error:
        found["database"] = error.message
    if web.webhook.closing:
        found["service"] = "is stopping"
    fine = all(value == "ok" for value in found.values())
    return JSONResponse(found, 200 if fine else 503)


def _touch(connection: Any) -> None:
    """A write that changes nothing: it needs the lock, and room."""
    inbox.mark(connection, [{"id_": 0, "state": ""}])


async def figures(request: Request) -> Response:
    """Prometheus' exposition."""
    web: Web = request.app.state.web
    web.metrics.duplicates(web.inbox.duplicates)
    return Response(web.metrics.text(await _now(web)), media_type=EXPOSITION)


async def _now(web: Web) -> list[Metric]:
    """Figures that live in the databases."""
    try:
        states, oldest = await web.inbox.database.read(inbox.counts)
        sent = await web.database.read(effects.counts, "event")
        mailed = await web.database.read(effects.counts, effects.MAIL)
        open_ = await web.database.read(enginerows.under_way)
        barred = await web.database.read(suppressions.count)
        dead = len(await web.database.read(letters.open_letters))
        recovered = await web.database.read(notes.get, RECOVERED) or 0
    except TajoError:
        return [_gauge("tajo_database_up", "Whether the databases answer.", 0)]
    return [
        _gauge("tajo_database_up", "Whether the databases answer.", 1),
        _gauge(
            "tajo_inbox_oldest_waiting_seconds",
            "Age of the oldest waiting delivery.",
            waiting_since(oldest, web.clock()),
        ),
        _labelled("tajo_inbox_deliveries", "Deliveries by state.", "state", states),
        _labelled("tajo_effects", "Brevo events by state.", "state", sent),
        _labelled("tajo_mails", "Mails of follow-up rules by state.", "state", mailed),
        _gauge("tajo_workflows_under_way", "What follows from webhooks and is not done yet.", open_),
        _gauge("tajo_suppressed", "People who get no mail any more.", barred),
        _gauge("tajo_dead_letters", "Records given up on.", dead),
        _gauge("tajo_recovered_by_sweep", "Instances that no webhook told of.", recovered),
    ]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
