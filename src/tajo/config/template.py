"""The files that `tajo init` writes: a commented tajo.yml and the .env.example beside it."""

from __future__ import annotations

from pathlib import Path

from tajo.core.errors import ConfigError

TAJO_YML = """\
# Tajo: Zoom to Brevo. 설정 파일
#
# "# text" explains, "#key: value" is a setting at its default: remove the # to change it.
# (#으로 시작하는 "key: value" 줄은 기본값입니다. 바꾸려면 #을 지우세요.)
# ${NAME} and ${NAME:-default} come from the environment, or from a file .env beside this one; $${ is a literal ${.

connectors:
  zoom:
    # false: tajo sync ends with exit code 3, and the webhook route answers 503.
    enabled: true

    # The Server-to-Server OAuth app on marketplace.zoom.us, page "App Credentials". (앱 자격 증명)
    account_id: "${ZOOM_ACCOUNT_ID}"
    client_id: "${ZOOM_CLIENT_ID}"
    client_secret: "${ZOOM_CLIENT_SECRET}"

    # What is read; false means no call to Zoom and nothing written to Brevo for it. (동기화 항목)
    sync:
      participants: true
      webinars: true
      recordings: true

    # The app's Secret Token, page "Feature". Only tajo serve needs it. (웹훅 시크릿)
    webhook:
      secret_token: "${ZOOM_WEBHOOK_SECRET}"
      # The secret before it, while Zoom may still sign with that one.
      #previous_secret_token: "${ZOOM_PREVIOUS_WEBHOOK_SECRET}"

    # Brevo lists: a number is the id of a list that exists, text is a name and the list is created.
    # (숫자는 기존 목록의 ID, 텍스트는 새로 만들 목록의 이름)
    lists:
      meeting_participants: Zoom meeting participants
      webinar_attendees: Zoom webinar attendees
      webinar_registrants: Zoom webinar registrants
      # Also, each without a default: webinar_no_shows, meeting_registrants.

    # The account's plan, for Zoom's rate limits: free, pro, business (and all above it). (Zoom 요금제)
    #plan: pro
    # The share of those limits that Tajo may use; other apps of the account use the same ones.
    #rate_share: 0.95

    # Who is never written to Brevo. domains: your own company's, for example [example.com]. (제외 대상)
    #exclude:
    #  hosts: true
    #  panelists: true
    #  domains: []

    # realtime: by webhooks. batch: by schedule. hybrid: both, so that a lost webhook is made up for. (동기화 방식)
    #sync_mode: hybrid
    # Cron, in UTC: minute hour day month weekday.
    #schedule: "17 * * * *"
    # How far back each run looks.
    #sweep_window: 7d

    # A session is complete once it is over for "after" and two reads, "every" so often, agree. At the deadline whoever
    # was not seen is unknown.
    #settle:
    #  after: 1m
    #  every: 5m
    #  deadline: 2h
    # Started again within this time, a meeting is the same meeting. (재시작 간격)
    #restart_gap: 60m
    # When more than this share of the absentees could hide among unidentified people, they are unknown, not no_show.
    #unknown_above: 10%

    # Logging: verbose, info, warning, error; debug is verbose whatever log_level says. (로그)
    #debug: false
    #log_level: info
    #log_webhooks: false

    #api_url: https://api.zoom.us/v2
    #oauth_url: https://zoom.us/oauth

# Field: BREVO_ATTRIBUTE. Without this block it is the one below. (필드 매핑)
# Answers to registration questions go under "question", by the question's title:
#   question: {"Where did you hear of us?": HEARD_FROM}
field_mapping:
  email: email
  first_name: FIRSTNAME
  last_name: LASTNAME
  join_time: MEETING_JOIN_DATE
  duration: MEETING_DURATION              # seconds; duration_minutes is another field
  webinar_title: WEBINAR_NAME
  attendance_status: ATTENDANCE_STATUS    # registered, attended, no_show, unknown, …
  registration_source: UTM_SOURCE

brevo:
  api_key: "${BREVO_API_KEY}"
  # Rate limits: general (every plan), advanced (Professional and Enterprise), extended (Enterprise).
  #tier: general
  #api_url: https://api.brevo.com/v3

# Consent to marketing mail; without such a block everybody goes on the lists: see docs/consent.md. (마케팅 수신 동의)
# question: the title of the registration question; yes: the answers that mean yes, every other one means no.
# on_missing, for people without an answer: contact_only (no list, no mail), skip (nothing is written),
# double_opt_in (Brevo asks by mail) or transactional_only (no list, but follow-up mails).
#consent:
#   question: "May we send you news by e-mail?"
#   yes: ["Yes", "예"]
#   on_missing: contact_only
#   double_opt_in: {template: 12, redirect_url: https://example.com/thanks}  # for double_opt_in alone

# Brevo events and mails go out only for sessions that ended at most this long ago. (이벤트 유효 시간)
# operator: a contact of your own, such as ops@example.com, that also gets "started", "ended" and "recording_ready".
# recording_ready: with which outcomes people get zoom_recording_ready.
#events:
#  max_age: 72h
#  operator:
#  recording_ready: [attended, no_show, unknown]

# Mails that follow a session, each person once: docs/follow-ups.md. (후속 메일)
#follow_ups:
#   - name: thanks
#     when: webinar.attended          # or no_show, registered, cancelled; meeting.…; recording.ready
#     if: {attended_percent: ">= 50"}
#     wait: 2h
#     send: {template: 12, params: {minutes: duration_minutes}}

# The score, 0 to 100: what brings how many points (100 in all), and how much of it brings all of them. After a change:
# tajo engagement recompute --dry-run. (참여 점수: 가중치의 합은 100)
#engagement:
#  weights:
#    presence: 50                          # the share of the session that the person was there
#    to_the_end: 10                        # not leaving before 80 % of it
#    polls: 15
#    questions: 10
#    repeat: 15                            # sessions attended in the 90 days before
#  enough:
#    polls: 2
#    questions: 1
#    sessions: 3

# A SQLite file, or postgresql://user:password@host/name (then better as "${DATABASE_URL}"). (데이터베이스)
#database_url: sqlite:///tajo.db

# tajo serve. public_url: the https address under which Zoom reaches it. api_key: lets programs in (docs/api.md). (서버)
#server:
#  host: 127.0.0.1
#  port: 8000
#  public_url:
#  api_key: "${TAJO_API_KEY}"

# How long the bodies of webhooks are kept. (보관 기간)
#retention:
#  raw_payloads: 30d
"""

ENV_EXAMPLE = """\
# Copy to .env and fill in; keep .env out of version control. (.env로 복사한 뒤 값을 채우세요)

# Brevo: Settings, "SMTP & API", "API keys"
BREVO_API_KEY=

# Zoom: marketplace.zoom.us, your Server-to-Server OAuth app, "App Credentials"
ZOOM_ACCOUNT_ID=
ZOOM_CLIENT_ID=
ZOOM_CLIENT_SECRET=

# Zoom: the same app, "Feature", "Secret Token"; only for tajo serve
ZOOM_WEBHOOK_SECRET=

# Only for programs that talk to tajo serve: 16 signs or more that nobody can guess, such as from `openssl rand -hex 32`
#TAJO_API_KEY=
"""

CONFIG_NAME = "tajo.yml"


def templates(config: Path) -> dict[Path, str]:
    """What `tajo init` writes where: the configuration, and .env.example beside it."""
    return {config: TAJO_YML, config.parent / ".env.example": ENV_EXAMPLE}


def write_templates(config: Path) -> list[Path]:
    """Write what is not there yet of the configuration and the .env.example beside it; returns what was written.

    A file that is there is kept as it is. ConfigError if both are, or if one cannot be written.
    """
    written: list[Path] = []
    for path, text in templates(config).items():
        try:
            # "x" creates or fails: nothing that appears in between is written over, nor the target of a link.
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"cannot be written ({error.strerror})", origin=str(path)) from None
        written.append(path)
    if not written:
        both = " and ".join(str(path) for path in templates(config))
        raise ConfigError(f"{both} exist already", hint="move them away first; nothing is written over a file")
    return written
