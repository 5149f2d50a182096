"""The sync: find the sessions of a window, read each, write what follows. Durable, and the same for a dry run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from tajo import logs
from tajo.core.errors import CredentialError, RejectedError, TajoError, TransientError
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome, Readiness
from tajo.core.problems import problem_of
from tajo.store import letters, notes, rosters, runs
from tajo.workflows import delivering, finding, opt_ins, opt_outs, reading, recording, scoring, writing
from tajo.workflows.engine import Durable, Engine, Inline, Steps, workflow
from tajo.workflows.services import Services

Json = Any

RECOVERED = "recovered"  # the note that counts what sweeps found and webhooks had not told
AT_ONCE = 24  # sessions read at once: enough to keep every limit busy, few enough to hold in memory


class StoppedError(Exception):
    """A step failed in a way that stops the run; carries the problem as JSON, so that a replay stops alike."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem["message"])
        self.problem = dict(problem)


@workflow("sync")
async def sync_workflow(run_id: str) -> Json:
    """The durable run; its result is the summary, or {"problem": …} where it stopped."""
    services: Services = Engine.services
    return await synchronise(services, Durable(), run_id, deliver=delivering.deliver_run)


async def dry_run(services: Services, run_id: str) -> Json:
    """The same on a copy of the database, without the writes."""
    return await synchronise(services, Inline(), run_id, deliver=delivering.dry_run)


async def synchronise(
    services: Services, steps: Steps, run_id: str, *, deliver: Callable[[Services, str], Awaitable[Json]]
) -> Json:
    """Carry a run out, step by step, and close it: done, or paused where it can be taken up again."""
    try:
        await _step(steps, "prepare", partial(_prepare, services), run_id)
        found = await _step(steps, "discover", partial(finding.discover, services), run_id)
        services.progress.phase("sessions", len(found["sessions"]))
        read = await steps.each(
            "read", _caught(partial(reading.read_session, services, run_id)), found["sessions"], at_once=AT_ONCE
        )
        for each in read:
            _raise_if_failed(each)
        recorded = await _recordings(services, steps, run_id, found.get("recorded", []))
        written = await _step(steps, "deliver", partial(deliver, services), run_id)
        return await _step(steps, "close", partial(_close, services), run_id, found, read, written | recorded)
    except StoppedError as stopped:
        return await steps.run("pause", partial(_pause, services), run_id, stopped.problem)


async def _recordings(services: Services, steps: Steps, run_id: str, wanted: list[list[str]]) -> Json:
    """Recordings after the rosters, which tell whom they concern, and before contacts, which carry their links."""
    if not wanted:
        return {"recordings": {"read": 0, "waiting": 0}}
    return {
        "recordings": await _step(steps, "recordings", partial(recording.read_recordings, services, run_id), wanted)
    }


async def _prepare(services: Services, run_id: str) -> Json:
    """Whatever is wrong with the configuration is said before Zoom is asked for anything; then who opted out or in."""
    services.schema = None  # a service runs for weeks: what Brevo has is read anew for each run
    await writing.read_schema(services)
    await opt_outs.poll(services)
    if clicked := await opt_ins.confirm(services):
        await services.database.write(runs.add_people, run_id, sorted(clicked))
    return None


async def _step(steps: Steps, name: str, work: Callable[..., Awaitable[Json]], *args: Json) -> Json:
    result = await steps.run(name, _caught(work), *args)
    _raise_if_failed(result)
    return result


def _caught(work: Callable[..., Awaitable[Json]]) -> Callable[..., Awaitable[Json]]:
    """The work with its errors as data: a recorded step keeps JSON, not classes."""

    async def doing(*args: Json) -> Json:
        try:
            return await work(*args)
        except TajoError as error:
            return {"failed": problem_of(error)}

    return doing


def _raise_if_failed(result: Json) -> None:
    if isinstance(result, dict) and "failed" in result:
        raise StoppedError(result["failed"])


async def _pause(services: Services, run_id: str, problem: Mapping[str, Any]) -> Json:
    """Stop where it is. What can be mended and taken up again stays as a paused run; anything else ends it."""
    again = problem["exit"] in (CredentialError.exit_code, TransientError.exit_code)
    state = runs.PAUSED if again else runs.DONE
    await services.database.write(runs.end, run_id, state, {"problem": problem}, services.clock())
    run = await services.database.read(runs.load, run_id)
    logs.say_problem(f"{_kind(run)}.stopped", problem, run=run_id)
    return {"problem": dict(problem)}


async def _close(services: Services, run_id: str, found: Json, read: list[Json], written: Json) -> Json:
    """The summary, in the database and as the workflow's result (without the single writes)."""
    now = services.clock()
    sessions = [(Kind(each["kind"]), each["id"]) for each in read]
    held = await services.database.read(rosters.held, sessions)
    run = await services.database.read(runs.load, run_id)
    open_letters = await services.database.read(letters.open_letters)
    retry = [each for each in read if each.get("retry")]
    summary = {
        "run": run_id,
        "sessions": len(read),
        "occurrences": [_told(each) for each in held],
        "review": await services.database.read(rosters.in_review, sessions),
        "rows": sum(each.get("rows", 0) for each in read),
        "unreadable_rows": found["unreadable"] + sum(each.get("unreadable", 0) for each in read),
        "cancelled": sum(each.get("cancelled", 0) for each in read),
        "outcomes": _outcomes(held),
        "in_review": sum(each.in_review for each in held),
        "excluded": sum(each.excluded for each in held),
        "erased": len({person for each in read for person in each.get("erased", ())}),
        "settling": sum(each.readiness is Readiness.SETTLING for each in held),
        "overdue": sum(each.readiness is Readiness.OVERDUE for each in held),
        "problems": [f"{each['kind']} {each['id']}: {each['problem']}" for each in read if each["problem"]],
        "notes": [*found["notes"], *services.noted_so_far()],
        "recovered": found["fresh"] + sum(each.get("fresh", 0) for each in read) if run.request.get("sweep") else 0,
        "unavailable": len(retry),
        "dead_letters": len(open_letters),
        "letters_arisen": sum(letter.arose_at >= run.started_at for letter in open_letters),
    } | written
    kept = {name: value for name, value in summary.items() if name not in ("writes", "occurrences", "review")}
    state = runs.PAUSED if retry else runs.DONE

    def close(connection: Any) -> None:
        scoring.publish_first(connection, services.terms.weights)
        if runs.load(connection, run_id).state != runs.DONE:  # a step that is done again counts once
            notes.put(connection, RECOVERED, (notes.get(connection, RECOVERED) or 0) + summary["recovered"])
        runs.end(connection, run_id, state, kept, now)

    await services.database.write(close)
    logs.say(f"{_kind(run)}.done", **(summary.get("events") or {}) | summary)
    return summary


def _kind(run: runs.Run) -> str:
    return "sweep" if run.request.get("sweep") else "sync"


def _told(each: rosters.Held) -> Json:
    told = asdict(each) | {"kind": each.kind.value, "readiness": each.readiness.value}
    told |= {"start": each.start.isoformat(), "held": each.held.total_seconds(), "instances": list(each.instances)}
    told |= {"ended_at": each.ended_at.isoformat() if each.ended_at else None}
    return told | {"outcomes": {outcome.value: count for outcome, count in each.outcomes.items()}}


def _outcomes(held: list[rosters.Held]) -> dict[str, int]:
    return {outcome.value: sum(each.outcomes.get(outcome, 0) for each in held) for outcome in Outcome}


def exit_code(summary: Mapping[str, Any]) -> int:
    """0; 5 when something could not be read for now; 6 when records were refused or dead letters arose."""
    if "problem" in summary:
        return int(summary["problem"]["exit"])
    if summary["unavailable"]:
        return TransientError.exit_code
    if summary["refused"] or summary["letters_arisen"]:
        return RejectedError.exit_code
    return 0
