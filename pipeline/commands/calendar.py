"""`casestream calendar`."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Json, load_config

if TYPE_CHECKING:
    from pipeline.domain.calendar import Calendar


class _BadQuestionError(ValueError):
    """What is wrong with a question."""


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def calendar(config: ConfigFile = None, json: Json = False) -> None:  # noqa: ARG001  # it speaks nothing else
        """Answer questions about business time, one JSON object a line from standard input.

        "add" asks when so many seconds of business time have passed, "elapsed" how many lie between two times. The
        calendar is given, or is the name of one in the configuration. Times without an offset are in its zone.

        {"op":"add","start":"2026-03-02T16:00:00","seconds":14400,"calendar":{"timezone":"Europe/Berlin",
         "hours":{"mon":[["08:00","18:00"]],"tue":[["08:00","18:00"]]},"holidays":["2026-12-25"],"country":"DE"}}

        Example:
          casestream calendar --json < questions.jsonl
        """
        import orjson

        ask = _asker(config)
        for line in sys.stdin.buffer:
            if line.strip():
                typer.echo(orjson.dumps(_answer(line, ask)))


def _answer(line: bytes, find: "Callable[[object], Calendar]") -> dict[str, Any]:
    import orjson

    try:
        question = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {"error": f"this is not JSON: {error}"}
    if not isinstance(question, dict):
        return {"error": "a question is a JSON object"}
    try:
        calendar = find(question.get("calendar", {}))
        return _reply(question, calendar)
    except ValueError as error:
        return {"error": str(error)}
    except OverflowError:
        return {"error": "that is beyond the years 1900 to 2400, in which business time is counted"}


def _reply(question: dict[str, Any], calendar: "Calendar") -> dict[str, Any]:
    match question.get("op"):
        case "add":
            return _add(question, calendar)
        case "elapsed":
            return _elapsed(question, calendar)
    raise _BadQuestionError('"op" must be "add" or "elapsed"')


def _add(question: dict[str, Any], calendar: "Calendar") -> dict[str, Any]:
    start, naive = _time(question, "start", calendar)
    seconds = question.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise _BadQuestionError('"seconds" must be a number, 0 or more')
    end = calendar.add(start, timedelta(seconds=seconds))
    return {"end": (end.replace(tzinfo=None) if naive else end).isoformat()}


def _elapsed(question: dict[str, Any], calendar: "Calendar") -> dict[str, Any]:
    start, end = _time(question, "start", calendar)[0], _time(question, "end", calendar)[0]
    seconds = calendar.elapsed(start, end).total_seconds()
    return {"seconds": int(seconds) if seconds.is_integer() else seconds}


def _time(question: dict[str, Any], key: str, calendar: "Calendar") -> tuple[datetime, bool]:
    """A time, and whether it named no offset, so that it is one of the calendar's wall clock."""
    value = question.get(key)
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise _BadQuestionError(f'"{key}" must be a time like "2026-03-02T16:00:00" or "2026-03-02T16:00:00+01:00"')
    return (time, False) if time.tzinfo else (time.replace(tzinfo=calendar.zone), True)


def _asker(config: Path | None) -> "Callable[[object], Calendar]":
    """What finds the calendar of a question, made once each."""
    import orjson
    from pydantic import ValidationError

    from pipeline.config import calendars

    settings = load_config(config, DEFAULT_DATA)
    timezone = settings.desk.timezone

    @lru_cache(maxsize=256)
    def given(text: bytes) -> "Calendar":
        try:
            return calendars.Calendar.model_validate(orjson.loads(text)).build(timezone)
        except ValidationError as error:
            raise _BadQuestionError(_sentence(error)) from error

    @lru_cache(maxsize=256)
    def named(name: str) -> "Calendar":
        if name not in settings.calendar:
            there = ", ".join(settings.calendar) or "none"
            raise _BadQuestionError(f"the configuration has no [calendar.{name}]; there are: {there}")
        return settings.calendar[name].build(timezone)

    return lambda calendar: named(calendar) if isinstance(calendar, str) else given(orjson.dumps(calendar))


def _sentence(error: Any) -> str:  # noqa: ANN401  # pydantic's, which is loaded when needed
    detail = error.errors(include_url=False)[0]
    place = ".".join(map(str, ("calendar", *detail["loc"])))
    says = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
    return f'"{place}": {says}'
