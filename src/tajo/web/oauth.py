"""`GET /oauth/zoom/callback`: where Zoom sends the browser back to. One page, that says how the sign-in ended."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tajo.core.errors import TajoError
from tajo.workflows.signin import CALLBACK, SignIns

LONGEST_QUERY = 8_192  # bytes; a code is some hundred characters

# The address holds the code: nobody else gets to know it, and no page is kept.
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tajo</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1rem}}</style></head>
<body><h1>{title}</h1><p>{text}</p>{hint}</body></html>
"""


def callback(sign_ins: SignIns) -> Route:
    """The route; `sign_ins` finishes what the browser brings back."""

    async def come_back(request: Request) -> Response:
        if len(request.url.query) > LONGEST_QUERY:
            return _page(414, "Not connected", "the address is too long")
        try:
            await sign_ins.finish(dict(request.query_params))
        except TajoError as error:
            return _page(400 if error.exit_code == 4 else 502, "Not connected", error.message, error.hint)
        return _page(200, "Zoom is connected", "You can close this page and go back to the command.")

    return Route(CALLBACK, come_back, methods=["GET"])


def _page(status: int, title: str, text: str, hint: str = "") -> Response:
    more = f"<p>→ {escape(hint)}</p>" if hint else ""
    text = escape(text[:1].upper() + text[1:])
    return HTMLResponse(PAGE.format(title=escape(title), text=text, hint=more), status, headers=HEADERS)
