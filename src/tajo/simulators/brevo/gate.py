"""Between HTTP and the handlers: key, IP, rate limits, ordered faults, latency, and the record of calls."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.processes import get_report
from tajo.simulators.brevo.protocol import KEY_NOT_FOUND, MISSING_API_KEY, UNRECOGNISED_IP, Ask, Refusal, Reply
from tajo.simulators.brevo.rates import bucket_of
from tajo.simulators.brevo.routes import route
from tajo.simulators.faults import CallLog, CallRecord, Fault, FaultGate, Faults

BASE = "/v3"
_LARGE_BYTES = 32 * 1024  # bodies from here on are worked on in a thread, so that other calls go on


@dataclass(slots=True)
class Access:
    """Whom the API lets in. `blocked_ip` "" lets every address in."""

    api_key: str
    state: Literal["valid", "expired", "deactivated"] = "valid"
    blocked_ip: str = ""

    def check(self, headers: Headers) -> None:
        """401 in four cases that only the message tells apart, if at all."""
        key = headers.get("api-key")
        if key is None:
            raise Refusal(401, "unauthorized", MISSING_API_KEY)
        # How the messages of expired and deactivated keys read is not known.
        if key != self.api_key or self.state != "valid":
            raise Refusal(401, "unauthorized", KEY_NOT_FOUND)
        if self.blocked_ip:
            raise Refusal(401, "unauthorized", UNRECOGNISED_IP.format(ip=self.blocked_ip))


@dataclass(slots=True)
class Gate:
    """Builds the ASGI application around an account."""

    account: Account
    access: Access
    latency_s: float
    calls: CallLog = field(default_factory=CallLog)
    bodies: list[tuple[str, str, Any]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    faults_after: Faults = field(default_factory=Faults)

    def app(self) -> ASGIApp:
        methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        inner = Starlette(routes=[Route("/{rest:path}", self._answer, methods=methods)])
        return FaultGate(inner, self.faults, base_path=BASE, on_replaced=self._replaced)

    async def _answer(self, request: Request) -> Response:
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        call = Call.of(request, await request.body())
        # Reading 10 MB and finishing an import take a while; everything else is quicker than a change of threads.
        if len(call.raw) > _LARGE_BYTES or self.account.due():
            reply = await run_in_threadpool(self._reply, call)
        else:
            reply = self._reply(call)
        self._record(call.method, call.path, call.query, self._visible_status(request.scope, reply.status))
        return Response(
            reply.content(),
            reply.status,
            headers=dict(reply.headers),
            media_type=reply.media_type if reply.body is not None else None,
        )

    def _reply(self, call: Call) -> Reply:
        if self.account.due():
            self.account.settle()
        try:
            if call.path.startswith("/reports/"):
                with self.account.lock:
                    return get_report(self.account, call.ask(tuple(call.path.split("/")[2:]), None))
            self.access.check(call.request.headers)
        except Refusal as refusal:
            return Reply(refusal.status, refusal.body)  # an observed 401 had no rate headers
        label = bucket_of(call.method, call.path, self.account.switches)
        with self.account.lock:
            verdict = self.account.limiter.admit(label, self.account.now(), self.account.switches)
        if not verdict.passes:
            return self._too_many(verdict.headers)
        reply = self._handled(call)
        return Reply(reply.status, reply.body, {**verdict.headers, **reply.headers}, reply.media_type)

    def _too_many(self, headers: dict[str, str]) -> Reply:
        """429; its body was never published, and there is no Retry-After."""
        if self.account.switches.body_of_429 == "text":
            return Reply(429, "Too Many Requests", headers, "text/plain; charset=utf-8")
        return Reply(429, {"code": "too_many_requests", "message": "Too many requests"}, headers)

    def _handled(self, call: Call) -> Reply:
        try:
            handler, names = route(call.method, call.path)
            ask = call.ask(names, _parsed(call.raw))
            with self.account.lock:
                reply = handler(self.account, ask)
                # A batch that failed as a whole answers 400 without being a refusal.
                if reply.status < 400 and ask.body is not None:
                    self.bodies.append((call.method, call.path, ask.body))
        except Refusal as refusal:
            return Reply(refusal.status, refusal.body)
        fault = self.faults_after.take(call.line()) if reply.status < 400 else None
        return reply if fault is None else _faulty(fault)

    def _replaced(self, scope: Scope, fault: Fault) -> None:
        path = _path(scope)
        query = bytes(scope.get("query_string", b"")).decode("latin-1")
        self._record(scope["method"], path, query, 0 if fault.kind == "reset_before" else fault.status)

    @staticmethod
    def _visible_status(scope: Scope, status: int) -> int:
        fault = scope.get("state", {}).get("fault")
        return 0 if fault is not None and fault.kind == "reset_after" else status

    def _record(self, method: str, path: str, query: str, status: int) -> None:
        label = "" if path.startswith("/reports/") else bucket_of(method, path, self.account.switches)
        self.calls.add(CallRecord(self.account.now(), method, path, query, status, label))


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its body; `path` as sent, without /v3."""

    request: Request
    method: str
    path: str
    query: str
    raw: bytes

    @classmethod
    def of(cls, request: Request, raw: bytes) -> Call:
        query = bytes(request.scope.get("query_string", b"")).decode("latin-1")
        return cls(request, request.method, _path(request.scope), query, raw)

    def line(self) -> str:
        """The call as `Faults.order` matches it."""
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")

    def ask(self, names: tuple[str, ...], body: Any) -> Ask:
        request = self.request
        base_url = str(request.base_url).rstrip("/")
        return Ask(self.method, self.path, names, request.query_params, request.headers, body, len(self.raw), base_url)


def _path(scope: Scope) -> str:
    """The path as sent: a decoded one would not tell a slash in an identifier from a separator."""
    raw = scope.get("raw_path")
    path = bytes(raw).decode("latin-1") if raw else str(scope["path"])
    return path.removeprefix(BASE) or "/"


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(400, "bad_request", "Input must be a valid JSON object") from None


def _faulty(fault: Fault) -> Reply:
    headers = dict(fault.headers)
    media_type = headers.pop("content-type", "application/json")
    return Reply(fault.status, fault.body.decode(), headers, media_type)
