"""What Tajo logs, by allow-list: an event or a key that is not in the tables below never reaches a log.

One JSON object a line on stderr, or `key=value` where stderr is a terminal. No line has a secret, an e-mail address, a
name or a body; received webhooks are shown with everything masked but what `masked` lets through. Until `started` is
entered, and after it, `say` does nothing: programs that use the SDK hear nothing of this.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tajo.core.errors import ConfigError

VERBOSE, INFO, WARNING, ERROR = 10, 20, 30, 40
LEVELS: Mapping[str, int] = {"verbose": VERBOSE, "info": INFO, "warning": WARNING, "error": ERROR}

_ERROR = ("error", "why", "origin", "code", "exit", "retry_at")
_FIGURES = ("created", "changed", "unchanged", "refused", "sent", "ambiguous", "too_old", "withheld")
_RUN = ("run", "sessions", "rows", "in_review", "recovered", "unavailable", "dead_letters", *_FIGURES)
_FOLLOWED = ("name", "session", "attempt", "rows", "again_in_s", *_ERROR, *_FIGURES)
_MAILS = ("name", "session", "sent", "drafted", "withdrawn", "suppressed", "too_old", "refused", "uncertain")

# event → (its level, the keys it may have)
EVENTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "service.started": (INFO, ("role", "version", "host", "port", "worker", "api")),
    "service.listening": (INFO, ("address",)),
    "service.stopped": (INFO, ("role",)),
    "service.crashed": (ERROR, ("role", "error", "where")),
    "sweep.done": (INFO, _RUN),
    "sweep.stopped": (WARNING, ("run", *_ERROR)),
    "sync.done": (INFO, _RUN),
    "sync.stopped": (WARNING, ("run", *_ERROR)),
    "follow_up.done": (INFO, _FOLLOWED),
    "follow_up.waits": (VERBOSE, _FOLLOWED),
    "follow_up.failed": (WARNING, _FOLLOWED),
    "mails.done": (INFO, _MAILS),
    "mails.failed": (WARNING, ("name", "session", *_ERROR)),
    "brevo.unchecked": (WARNING, _ERROR),
    "workflow.crashed": (ERROR, ("name", "error", "where")),
    "letter.filed": (WARNING, _ERROR),
    "drain.failed": (WARNING, _ERROR),
    "webhook.refused": (INFO, ("status", "why", "times")),
    "webhook.quarantined": (WARNING, ("id", "why")),
    "webhook.foreign": (WARNING, ("id", "why", "times")),
    "webhook.handled": (VERBOSE, ("id", "webhook", "uuid", "state")),
    "webhook.body": (VERBOSE, ("id", "body")),
    "vendor.called": (VERBOSE, ("vendor", "origin", "label", "status", "ms", "waited_ms", "error")),
    "vendor.waits": (VERBOSE, ("why", "seconds")),
    "vendor.silent": (WARNING, ("vendor", "origin", "status", "seconds")),
    "vendor.back": (INFO, ("vendor", "seconds")),
    "api.called": (VERBOSE, ("method", "route", "status", "ms")),
    "api.refused": (INFO, ("status", "why", "times")),
    "library.said": (WARNING, ("logger", "severity", "error", "where")),
}
ABOUT_WEBHOOKS = ("webhook.handled", "webhook.body")  # what log_webhooks shows, whatever the level

_CODE = re.compile(r"[A-Za-z0-9_.:/+=<>-]{1,120}")
_ADDRESS = re.compile(r"http://[A-Za-z0-9.:\[\]-]{1,100}")
_NOT_IN_WORDS = re.compile(r"[^A-Za-z0-9 ()_.,:'/%-]")
_MOST_SIGNS = 120
_MOST_PLACES = 24


def _code(value: object) -> str:
    """An id, a code, a class name, a time; anything else is masked. No `@` and no blank: no address, no name."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "***"


def _address(value: object) -> str:
    """Where a service of ours listens."""
    return value if isinstance(value, str) and _ADDRESS.fullmatch(value) else "***"


def _words(value: object) -> str:
    """A phrase of our own."""
    return _NOT_IN_WORDS.sub("?", str(value)[:_MOST_SIGNS])


def _number(value: object) -> int | float | bool | str:
    return value if isinstance(value, int | float) else "***"


def _places(value: object) -> list[str]:
    return [_code(each) for each in value][:_MOST_PLACES] if isinstance(value, list | tuple) else []


def _body(value: object) -> Any:
    return masked(value) if isinstance(value, bytes) else "***"


# key → how its value is made harmless; every other key is a number
_VALUES: Mapping[str, Callable[[object], Any]] = {
    **dict.fromkeys(
        ("role", "version", "host", "error", "origin", "code", "retry_at", "run", "session", "name"), _code
    ),
    **dict.fromkeys(("webhook", "uuid", "state", "vendor", "label", "method", "route", "logger", "severity"), _code),
    "address": _address,
    "why": _words,
    "where": _places,
    "body": _body,
}


# --- saying ---


class _Log:
    """Where lines go while a command or a service runs."""

    def __init__(self, threshold: int, webhooks: bool) -> None:
        import structlog

        self.threshold, self.webhooks = threshold, webhooks
        self._structlog = structlog.wrap_logger(
            _Stderr(), processors=[_allowed, _rendered], wrapper_class=structlog.BoundLogger
        )

    def wants(self, event: str) -> bool:
        if event not in EVENTS:
            return False
        return EVENTS[event][0] >= self.threshold or (self.webhooks and event in ABOUT_WEBHOOKS)

    def say(self, event: str, fields: Mapping[str, Any]) -> None:
        self._structlog.msg(event, **{key: fields[key] for key in EVENTS[event][1] if fields.get(key) is not None})


class _Stderr:
    """Writes whole lines to whatever stderr is at that moment. A log that cannot be written stops nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        try:
            with self._lock:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
        except (OSError, ValueError):
            pass


def _allowed(_: Any, __: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line's fields: only the event's own keys, each value in its harmless form."""
    event = str(fields["event"])
    level, keys = EVENTS[event]
    line: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": next(name for name, number in LEVELS.items() if number == level),
        "event": event,
    }
    line |= {key: _VALUES.get(key, _number)(fields[key]) for key in keys if key in fields}
    return line


def _rendered(_: Any, __: str, line: Mapping[str, Any]) -> str:
    """JSON in ASCII, so that no control or direction sign comes through; for people the values without quotes."""
    if not _is_terminal():
        return json.dumps(line, separators=(",", ":"))
    rest = {key: value for key, value in line.items() if key not in ("at", "level", "event")}
    told = " ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in rest.items())
    return f"{line['at'][11:19]} {line['level']:<7} {line['event']:<16} {told}".rstrip()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


_log: _Log | None = None
_seldom: dict[tuple[str, str], tuple[float, int]] = {}


def say(event: str, /, **fields: Any) -> None:
    """Log an event of the table, if somebody listens at its level. Never fails."""
    if _log is not None and _log.wants(event):
        _log.say(event, fields)


def say_seldom(event: str, /, *, every_s: float = 60.0, **fields: Any) -> None:
    """The same at most once in so many seconds for the same `why`; `times` tells how often it was meant to be said.

    For what a stranger can cause as often as they like.
    """
    if _log is None or not _log.wants(event):
        return
    key, now = (event, str(fields.get("why", ""))), time.monotonic()
    last, unsaid = _seldom.get(key, (-every_s, 0))
    if now - last < every_s:
        _seldom[key] = (last, unsaid + 1)
        return
    _seldom[key] = (now, 0)
    _log.say(event, {**fields, "times": unsaid + 1})


def say_error(event: str, error: BaseException, /, **fields: Any) -> None:
    """An event with the error that caused it: class, origin and codes.

    Its text only where an operator has to edit the configuration: that names settings, attributes and lists.
    """
    retry_at = getattr(error, "retry_at", None)
    say(
        event,
        error=type(error).__name__,
        origin=getattr(error, "origin", None) or None,
        code=getattr(error, "code", None) or None,
        exit=getattr(error, "exit_code", None),
        why=error.message if isinstance(error, ConfigError) else None,
        retry_at=retry_at.isoformat() if retry_at else None,
        **fields,
    )


def say_problem(event: str, problem: Mapping[str, Any], /, **fields: Any) -> None:
    """The same for an error that was recorded as data (see workflows/sync.problem_of)."""
    said = {"error": problem["kind"], **{key: problem.get(key) for key in ("origin", "exit", "retry_at")}}
    if problem.get("exit") == ConfigError.exit_code:
        said["why"] = problem.get("message")
    say(event, **said, **fields)


def places(error: BaseException) -> list[str]:
    """Where an unexpected error came from, innermost first: "tajo/workflows/sync.py:120:_close". No values, no text."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{_file(code.co_filename)}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return found[::-1]


def _file(path: str) -> str:
    """The file within its package: where it is installed is nobody's business."""
    for mark in ("/site-packages/", "/src/"):
        if mark in path:
            return path.rpartition(mark)[2]
    return "/".join(path.split("/")[-2:])


def crash_line(error: BaseException) -> str:
    """An unexpected error as one line for a terminal: its class and the innermost place of ours."""
    place = next((each for each in places(error) if each.startswith("tajo/")), "")
    return f"something unexpected went wrong: {type(error).__name__}{f' in {place}' if place else ''}"


def say_crash(event: str, error: BaseException, /, **fields: Any) -> None:
    """An error that nobody expected: its class and where it came from."""
    say(event, error=type(error).__name__, where=places(error), **fields)


# --- listening ---


@contextmanager
def started(*, level: str, webhooks: bool = False, own_process: bool = True) -> Iterator[None]:
    """Log from here to the end of the block; `level` is verbose, info, warning or error.

    `webhooks` also shows each received webhook, masked, whatever the level. In a process of our own the libraries'
    loggers, warnings and threads that crash go the same way: told by name and place, without their text. In somebody
    else's process these are theirs.
    """
    global _log
    before, _log = _log, _Log(LEVELS[level], webhooks)
    _seldom.clear()
    try:
        if own_process:
            with _libraries():
                yield
        else:
            yield
    finally:
        _log = before


@contextmanager
def _libraries() -> Iterator[None]:
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            kind = type(error).__name__ if error is not None else None
            where = places(error) if error is not None else None
            say("library.said", logger=record.name, severity=record.levelname, error=kind, where=where)

    def crashed(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            say_crash("service.crashed", args.exc_value, role="thread")

    root, handler, hook = logging.getLogger(), Handler(logging.WARNING), threading.excepthook
    root.addHandler(handler)
    logging.captureWarnings(True)
    threading.excepthook = crashed
    try:
        yield
    finally:
        threading.excepthook = hook
        logging.captureWarnings(False)
        root.removeHandler(handler)


# --- bodies ---

# Where a value is shown: keys of the body itself, of payload.object, and of what lies deeper.
_TOP = frozenset({"event", "event_ts"})
_OBJECT = frozenset(
    {"id", "uuid", "type", "status", "start_time", "end_time", "duration", "timezone", "total_size", "recording_count"}
    | {"participants_count", "occurrence_id", "issues"}
)
_DEEPER = frozenset(
    {"type", "status", "start_time", "end_time", "join_time", "leave_time", "create_time", "duration", "occurrence_id"}
    | {"recording_start", "recording_end", "recording_type", "file_type", "file_size", "file_extension"}
)
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_VALUE = re.compile(r"[A-Za-z0-9 _.:/+=-]{0,80}")
_DEEPEST, _MOST_ITEMS, _MOST_KEYS, _LONGEST = 8, 20, 60, 8192


def masked(body: bytes) -> Any:
    """A webhook's body as it may be logged: its shape, and the values of a few keys that say nothing of a person.

    Everything else is "***", numbers included. "not JSON" and "too long" stand for bodies that are.
    """
    try:
        shown = _masked(json.loads(body), ())
    except (ValueError, RecursionError):
        return "not JSON"
    return shown if len(json.dumps(shown)) <= _LONGEST else "too long"


def _masked(value: object, path: tuple[str, ...]) -> Any:
    if len(path) > _DEEPEST:
        return "***"
    if isinstance(value, dict):
        some = list(value.items())[:_MOST_KEYS]
        return {key if _KEY.fullmatch(key) else "***": _masked(each, (*path, key)) for key, each in some}
    if isinstance(value, list):
        return [_masked(each, path) for each in value[:_MOST_ITEMS]]
    if value is None or isinstance(value, bool):
        return value
    return value if _is_shown(path) and _VALUE.fullmatch(str(value)) else "***"


def _is_shown(path: tuple[str, ...]) -> bool:
    if len(path) == 1:
        return path[0] in _TOP
    if path[:2] != ("payload", "object"):
        return False
    return path[-1] in (_OBJECT if len(path) == 3 else _DEEPER)
