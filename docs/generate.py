"""Writes the generated parts of the documentation: tables that the code knows better than anybody.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`, in whatever document wants it.
`python docs/generate.py` writes them all; with `--check` it writes nothing, and fails when one is not current.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from tajo.brevo.api import limits as brevo
from tajo.cli.main import COMMANDS, tajo
from tajo.config.mapping import DEFAULT_FIELDS
from tajo.config.reference import rows
from tajo.connectors.zoom.api import limits as zoom
from tajo.connectors.zoom.api.scopes import EVENT_SCOPES, SCOPES
from tajo.core import errors
from tajo.core.fields import FIELDS, Scope

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 96  # of a command's help


def documents() -> list[Path]:
    """Every page of the documentation."""
    return [*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def generated(text: str) -> str:
    """The page with its parts as they should be. KeyError for a part that nobody makes."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{PARTS[match['name']]().strip()}\n\n{match[3]}"

    return PART.sub(part, text)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    made = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in made)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


# --- settings, fields, commands, errors ---


def settings() -> str:
    head = ("Setting", "Kind", "Default", "Meaning")
    return table(head, ((code(row.key), row.type, code(row.default), row.meaning) for row in rows()))


KINDS_KO = {"text": "텍스트", "float": "숫자", "date": "날짜", "boolean": "예/아니요"}
SCOPES_KO = {Scope.PERSON: "사람", Scope.SESSION: "세션"}
FIELDS_KO = {
    "email": "이메일 주소(소문자). Brevo에서 연락처를 구분하는 기준입니다.",
    "name": "등록할 때 적은 이름, 없으면 세션에 표시된 이름.",
    "first_name": "등록 양식의 이름. 없으면 표시 이름 전체.",
    "last_name": "등록 양식의 성.",
    "phone": "등록할 때 적은 전화번호.",
    "org": "등록할 때 적은 소속.",
    "job_title": "등록할 때 적은 직함.",
    "country": "등록할 때 고른 국가(두 글자 코드).",
    "webinar_title": "가장 최근 웨비나의 주제. 회의는 이 값을 바꾸지 않습니다.",
    "sessions_attended": "참석한 세션 수.",
    "join_time": "처음 들어온 시각. 날짜 속성에는 세션 시간대의 날짜로, 텍스트 속성에는 UTC 시각으로 씁니다.",
    "leave_time": "마지막으로 나간 시각. 쓰는 방식은 join_time과 같습니다.",
    "duration": "머문 시간(초). 겹치는 구간은 한 번만 셉니다.",
    "duration_minutes": "머문 시간(분, 반올림).",
    "attended_percent": "세션이 열린 시간 중 머문 비율, 0–100.",
    "join_count": "기기가 들어온 횟수. Zoom 보고서의 행 수와 같습니다.",
    "topic": "세션의 주제.",
    "session_id": "회의 또는 웨비나의 숫자 ID.",
    "session_uuid": "실제로 열린 (마지막) 인스턴스의 UUID.",
    "session_start": "예정된 시작 시각, 없으면 실제 시작 시각. 쓰는 방식은 join_time과 같습니다.",
    "host_email": "호스트의 이메일 주소.",
    "attendance_status": "registered, attended, no_show, unknown, cancelled, denied 가운데 하나.",
    "registration_source": "등록에 쓰인 추적 소스의 이름(웨비나만).",
    "registered_at": "등록한 시각. 쓰는 방식은 join_time과 같습니다.",
    "join_url": "그 사람만의 참가 링크.",
    "join_delay_minutes": "세션 시작부터 첫 입장까지의 분(반올림).",
    "left_early": "세션의 80 % 전에 마지막으로 나갔는지.",
    "polls_answered": "답한 설문 질문 수.",
    "questions_asked": "Q&A에서 한 질문 수.",
    "sessions_attended_90d": "해당 세션까지 90일 동안 참석한 세션 수(그 세션 포함).",
    "score": "참여 점수 0–100. `engagement` 참고.",
    "share_url": "세션 녹화 링크. `events.recording_ready`의 결과인 사람에게만.",
    "passcode": "세션 녹화 비밀번호. 같은 사람에게만.",
}


def fields() -> str:
    head = ("Field", "Brevo type", "Describes", "Default attribute", "Meaning")
    return table(
        head,
        (
            (code(each.name), each.type, each.scope.value, code(DEFAULT_FIELDS.get(each.name, "")), each.meaning)
            for each in FIELDS.values()
        ),
    )


def fields_ko() -> str:
    head = ("필드", "Brevo 유형", "대상", "기본 속성", "뜻")
    return table(
        head,
        (
            (
                code(each.name),
                KINDS_KO[each.type],
                SCOPES_KO[each.scope],
                code(DEFAULT_FIELDS.get(each.name, "")),
                FIELDS_KO[each.name],
            )
            for each in FIELDS.values()
        ),
    )


def command_paths() -> list[tuple[str, click.Command]]:
    """Every command by what is typed, in the order of `tajo --help`."""
    found: list[tuple[str, click.Command]] = [("tajo", tajo)]
    context = click.Context(tajo, info_name="tajo")
    for name in COMMANDS:
        command = tajo.get_command(context, name)
        assert command is not None
        found.append((f"tajo {name}", command))
        if isinstance(command, click.Group):
            found += [(f"tajo {name} {below}", each) for below, each in sorted(command.commands.items())]
    return found


def commands() -> str:
    parts = []
    for typed, command in command_paths():
        context = click.Context(
            command, info_name=typed, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["-h", "--help"]
        )
        command._help_option = None  # click keeps it from whoever asked first, under that one's names
        parts.append(f"## {typed}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)


def error_classes() -> str:
    tree = [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.TajoError) and each.__module__ == errors.__name__
    ]
    ordered = sorted(tree, key=lambda each: (each.exit_code, each.__name__ != "TajoError", each.__name__))
    said = ((code(each.__name__), str(each.exit_code), _first_line(each)) for each in ordered)
    return table(("Class", "Exit code", "What it means, and what happens next"), said)


def _first_line(documented: type) -> str:
    return " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())


# --- what Zoom and Brevo ask for and allow ---

# What is read by the API; a sync does without the last two.
FEATURES = {
    "participants": "meetings",
    "webinars": "webinars",
    "recordings": "recordings (optional)",
    "engagement": "polls and Q&A (optional)",
}
FEATURES_KO = {
    "participants": "회의",
    "webinars": "웨비나",
    "recordings": "녹화(선택)",
    "engagement": "설문과 Q&A(선택)",
}


def _scopes(head: Sequence[str], words: dict[str, str]) -> str:
    """What `tajo check` asks for, by feature: each scope once, with every feature that needs it."""
    needs: dict[tuple[str, str], list[str]] = {}
    for needed in SCOPES.values():
        for feature in needed.features:
            mine = needs.setdefault((needed.granular, needed.classic), [])
            if feature in words and words[feature] not in mine:
                mine.append(words[feature])
    order = list(words.values())
    wanted = sorted((order.index(mine[0]), scopes, mine) for scopes, mine in needs.items() if mine)
    return table(head, ((code(granular), code(classic), ", ".join(mine)) for _, (granular, classic), mine in wanted))


def scopes() -> str:
    return _scopes(("Scope", "Classic scope", "Needed for"), FEATURES)


def scopes_ko() -> str:
    return _scopes(("범위", "구형(classic) 범위", "필요한 기능"), FEATURES_KO)


def _webhook_scopes(head: Sequence[str]) -> str:
    """What an app needs to be told of the events that `connect` names."""
    told: dict[tuple[str, str], list[str]] = {}
    for event, needed in EVENT_SCOPES.items():
        told.setdefault((needed.granular, needed.classic), []).append(code(event))
    return table(head, ((code(granular), code(classic), ", ".join(each)) for (granular, classic), each in told.items()))


def webhook_scopes() -> str:
    return _webhook_scopes(("Scope", "Classic scope", "Events"))


def webhook_scopes_ko() -> str:
    return _webhook_scopes(("범위", "구형(classic) 범위", "이벤트"))


# Call → when it is made: only where what stands above it is refused.
WAYS_ROUND = ("zoom.report.user_meetings", "zoom.past.meeting_participants", "zoom.past.webinar_participants")
ROUND = (
    "finding past sessions user by user, without `report:read:list_history_meetings:admin`",
    "who came to a meeting, without `report:read:list_meeting_participants:admin`",
    "who came to a webinar, without `report:read:list_webinar_participants:admin`",
)
ROUND_KO = (
    "`report:read:list_history_meetings:admin`이 없을 때 사용자별로 지난 세션 찾기",
    "`report:read:list_meeting_participants:admin`이 없을 때 회의 참석자 읽기",
    "`report:read:list_webinar_participants:admin`이 없을 때 웨비나 참석자 읽기",
)


def _ways_round(head: Sequence[str], words: Sequence[str]) -> str:
    needed = [SCOPES[origin] for origin in WAYS_ROUND]
    return table(
        head, ((code(each.granular), code(each.classic), said) for each, said in zip(needed, words, strict=True))
    )


def ways_round() -> str:
    return _ways_round(("Scope", "Classic scope", "Way round"), ROUND)


def ways_round_ko() -> str:
    return _ways_round(("범위", "구형(classic) 범위", "대신하는 일"), ROUND_KO)


LABELS = {"light": "Light", "medium": "Medium", "heavy": "Heavy", "resource": "Resource-intensive"}


def _zoom_limits(head: Sequence[str], second: str, minute: str, day: str, shared: str) -> str:
    def cell(plan: str, label: str) -> str:
        limit = zoom.LIMITS[plan][label]
        said = (second if limit.per == zoom.SECOND else minute).format(limit.calls)
        bucket = zoom.daily_bucket(plan, label)
        if bucket is None:
            return said
        alone = sum(zoom.daily_bucket(plan, other) == bucket for other in LABELS) == 1
        return f"{said}, {day.format(f'{zoom.DAILY[plan][bucket]:,}')}" + ("" if alone else f" {shared}")

    return table(head, ((title, *(cell(plan, label) for plan in zoom.LIMITS)) for label, title in LABELS.items()))


def zoom_limits() -> str:
    return _zoom_limits(("Label", "Free", "Pro", "Business and above"), "{}/s", "{}/min", "{}/day", "(shared)")


def zoom_limits_ko() -> str:
    return _zoom_limits(("라벨", "Free", "Pro", "Business 이상"), "초당 {}회", "분당 {}회", "하루 {}회", "(공유)")


CALLS = {
    brevo.CONTACTS: "`/contacts/…`: contacts, imports, attributes, lists",
    brevo.EVENTS: "`POST /events`",
    brevo.OTHER: "everything else, `/processes` and `/account` among it",
}
CALLS_KO = {
    brevo.CONTACTS: "`/contacts/…`: 연락처, 가져오기, 속성, 목록",
    brevo.EVENTS: "`POST /events`",
    brevo.OTHER: "그 밖의 모든 호출(`/processes`, `/account` 포함)",
}


def _brevo_limits(head: Sequence[str], words: dict[str, str], second: str, hour: str) -> str:
    def cell(tier: brevo.Tier, bucket: str) -> str:
        limit = brevo.LIMITS[tier][bucket]
        parts = [second.format(f"{limit.per_second:g}")] if limit.per_second else []
        return ", ".join([*parts, hour.format(f"{limit.per_hour:,}")])

    return table(head, ((said, *(cell(tier, bucket) for tier in brevo.LIMITS)) for bucket, said in words.items()))


def brevo_limits() -> str:
    return _brevo_limits(("Calls", "`general`", "`advanced`", "`extended`"), CALLS, "{}/s", "{}/h")


def brevo_limits_ko() -> str:
    return _brevo_limits(("호출", "`general`", "`advanced`", "`extended`"), CALLS_KO, "초당 {}회", "시간당 {}회")


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "fields": fields,
    "fields-ko": fields_ko,
    "commands": commands,
    "error-classes": error_classes,
    "scopes": scopes,
    "scopes-ko": scopes_ko,
    "webhook-scopes": webhook_scopes,
    "webhook-scopes-ko": webhook_scopes_ko,
    "ways-round": ways_round,
    "ways-round-ko": ways_round_ko,
    "zoom-limits": zoom_limits,
    "zoom-limits-ko": zoom_limits_ko,
    "brevo-limits": brevo_limits,
    "brevo-limits-ko": brevo_limits_ko,
}


def main(*, check: bool) -> int:
    """Write every page anew; with `check` only say which would change."""
    stale = []
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = generated(before)
        if after != before:
            stale.append(path)
            if not check:
                path.write_text(after, encoding="utf-8")
    for path in stale:
        print(f"{'not current' if check else 'wrote'}: {path.relative_to(ROOT)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
