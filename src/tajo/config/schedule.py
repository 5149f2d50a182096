"""Five-field cron expressions: only whether they can be meant; the engine that runs them reads them itself."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from tajo.config.values import Kind, one_line, refuse

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
# name, lowest, highest, words; Sunday is 0 and 7
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)
_ITEM = re.compile(r"(?:\*|(?P<first>[0-9a-z]{1,3})(?:-(?P<last>[0-9a-z]{1,3}))?)(?:/(?P<step>[0-9]{1,2}))?")


def _fits(item: str, lowest: int, highest: int, words: dict[str, int]) -> bool:
    match = _ITEM.fullmatch(item)
    if not match or (match["step"] and int(match["step"]) == 0):
        return False
    if match["first"] is None:
        return True
    if match["step"] and match["last"] is None:
        return False  # "5/10" means different things to different readers
    bounds = []
    for text in (match["first"], match["last"] or match["first"]):
        if not text.isdigit() and text not in words:
            return False
        bounds.append(words[text] if text in words else int(text))
    return lowest <= bounds[0] <= bounds[1] <= highest


def _schedule(text: str) -> str:
    text = one_line(text)
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        raise refuse('must be five cron fields (minute hour day month weekday), such as "17 * * * *"')
    for field, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(item, lowest, highest, words) for item in field.split(",")):
            raise refuse(f"has a cron {name} that is not within {lowest} to {highest}")
    return " ".join(text.split())


Schedule = Annotated[str, AfterValidator(_schedule), Kind("cron")]
