"""GET /processes and the CSV reports that finished imports link to.

Source: developers.brevo.com/reference/get-processes, get-process.
"""

from __future__ import annotations

from datetime import timedelta

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.imports import REPORTS
from tajo.simulators.brevo.protocol import Ask, Refusal, Reply, not_found, page_of
from tajo.simulators.brevo.records import Json, Process


def get_process(account: Account, ask: Ask) -> Reply:
    text = ask.names[0]
    process = account.processes.get(int(text)) if text.isascii() and text.isdigit() else None
    if process is None:
        raise Refusal(404, "invalid_parameter", "processId is invalid")
    return Reply(200, process_json(account, process, ask.base_url))


def get_processes(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=10, maximum=50)
    processes = [process_json(account, process, ask.base_url) for process in account.processes.values()]
    return Reply(200, {"count": len(processes), "processes": page.cut(processes)})


def status_of(account: Account, process: Process) -> str:
    """queued, in_process or processing by switch, completed or failed."""
    now = account.now()
    if process.applied:
        return "failed" if process.fails else "completed"
    return "queued" if now < process.works_at else account.switches.working_status


def process_json(account: Account, process: Process, base_url: str) -> Json:
    """A process as shown; `info` only for completed imports: URLs of CSV files, or null. There are no counters."""
    shown: Json = {"id": process.id, "name": process.name, "status": status_of(account, process)}
    if process.name == "IMPORTUSER" and shown["status"] == "completed":
        shown["info"] = {
            "import": {
                kind: f"{base_url}/reports/{process.id}/{kind}.csv" if kind in process.reports else None
                for kind in REPORTS
            }
        }
    return shown


def get_report(account: Account, ask: Ask) -> Reply:
    """One CSV: a header line, then the refused values, one a line. Needs no key, as a download link."""
    process = account.processes.get(ask.id())
    text = process.reports.get(ask.names[1].removesuffix(".csv")) if process is not None else None
    lifetime_s = account.switches.report_lifetime_s
    if process is None or text is None:
        raise not_found("File not found")
    if lifetime_s is not None and account.now() >= process.ends_at + timedelta(seconds=lifetime_s):
        raise Refusal(403, "permission_denied", "The link has expired")
    return Reply(200, text, media_type="text/csv; charset=utf-8")
