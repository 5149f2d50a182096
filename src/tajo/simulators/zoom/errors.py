"""Zoom's refusals: HTTP status, code and text. The same code has several meanings; the texts are as reported."""

from __future__ import annotations

from typing import Any

_SPANISH = {
    124: "El token de acceso no es válido.",
    200: "Sin permiso.",
    300: "Error de validación.",
    429: "Ha alcanzado el límite de velocidad de esta API.",
    1001: "El usuario no existe.",
    2300: "No se reconoce este punto de conexión de la API.",
    3000: "No se puede acceder a la información del seminario web.",
    3001: "La reunión no existe.",
    3301: "La grabación no existe.",
    12702: "No se puede acceder a una reunión de hace un año.",
}


class ZoomError(Exception):
    """An error answer, body {"code", "message"[, "errors"]}."""

    def __init__(
        self, status: int, code: int, message: str, *, field: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}/{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers or {}

    def body(self, *, localised: bool) -> dict[str, Any]:
        message = _SPANISH.get(self.code, self.message) if localised else self.message
        body: dict[str, Any] = {"code": self.code, "message": message}
        if self.field:
            body["errors"] = [{"field": self.field, "message": "Invalid field."}]
        return body


def not_recognized() -> ZoomError:
    return ZoomError(404, 2300, "This API endpoint is not recognized.")


def invalid(field: str) -> ZoomError:
    return ZoomError(400, 300, "Validation Failed.", field=field)


def bad_page_token() -> ZoomError:
    return ZoomError(400, 300, "The next page token is invalid or expired.")


def no_user(ref: str) -> ZoomError:
    return ZoomError(404, 1001, f"User does not exist: {ref}.")


def no_session(kind: str, ref: str) -> ZoomError:
    noun = "Meeting" if kind == "meeting" else "Webinar"
    return ZoomError(404, 3001, f"{noun} does not exist: {ref}.")


def not_ended(kind: str) -> ZoomError:
    """Also what a session whose data is not ready answers."""
    if kind == "meeting":
        return ZoomError(404, 3001, "Meeting ID is invalid or has not ended.")
    return ZoomError(404, 3001, "Webinar ID is invalid or not end.")


def too_old() -> ZoomError:
    return ZoomError(400, 12702, "Can not access a meeting a year ago.")


def no_webinar_plan(user_id: str) -> ZoomError:
    return ZoomError(
        400,
        200,
        "Webinar plan is missing. You must subscribe to the webinar plan and enable webinars for user "
        f"{user_id} to perform this action.",
    )


def paid_only(account_id: str) -> ZoomError:
    return ZoomError(400, 200, f"Only available for paid account: {account_id}.")


def dashboard_only() -> ZoomError:
    return ZoomError(
        400,
        200,
        "This API is only available for ZMP and Business or higher accounts that have enabled the Dashboard feature",
    )


def missing_scope(granular: tuple[str, ...], classic: tuple[str, ...], *, app_kind: str) -> ZoomError:
    """The list names the scopes of which one is enough."""
    code, wanted = (4711, granular) if app_kind == "granular" else (4700, classic)
    return ZoomError(400, code, f"Invalid access token, does not contain scopes:[{', '.join(wanted)}].")


def bad_access_token(message: str = "Invalid access token.", *, status: int = 401) -> ZoomError:
    return ZoomError(status, 124, message)
