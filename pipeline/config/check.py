"""Explains every mistake in a configuration: where it stands, what is wrong, what would be right."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.config import Config, Location, conflicts, lay_over, overrides
from pipeline.config.certificates import BadCertificateError, doubts, server_context
from pipeline.config.channels import ONLY_FILES, ONLY_POSTED, DeviceFeed, Phone
from pipeline.config.conditions import wrong_conditions
from pipeline.config.lines import Lines
from pipeline.config.routing import believes_anybody, unreachable
from pipeline.config.schema import choices, heading, homes, is_list, is_record, keys
from pipeline.config.values import read_secret

SECRETS = frozenset(
    {
        "secret",
        "password",
        "token",
        "app_secret",
        "verify_token",
        "access_token",
        "access_token_secret",
        "client_secret",
        "refresh_token",
    }
)

_SYNTAX_HINTS = {
    "Invalid value": 'a value is missing or not in quotes; text is written "like this"',
    "Expected newline or end of document": "each key needs a line of its own",
    "Cannot overwrite a value": "the key is there twice in its section; keep one",
    "Expected '='": "a line is a [section] or key = value",
    "Invalid statement": "a line is a [section] or key = value",
}
_SENTENCES = {
    "string_type": "should be text in quotes, not {input}",
    "int_type": "should be a whole number, not {input}",
    "int_parsing": "should be a whole number, not {input}",
    "int_from_float": "should be a whole number, not {input}",
    "float_type": "should be a number, not {input}",
    "float_parsing": "should be a number, not {input}",
    "bool_type": "should be true or false, not {input}",
    "bool_parsing": "should be true or false, not {input}",
    "greater_than": "must be more than {gt:g}, not {input}",
    "greater_than_equal": "must be at least {ge:g}, not {input}",
    "less_than": "must be less than {lt:g}, not {input}",
    "less_than_equal": "must be at most {le:g}, not {input}",
}


LATER = {
    "process": "[[process]] is not known to this version: stages of cases come with a later one; leave it out",
    "goal": "[[goal]] is not known to this version: goals of cases come with a later one; leave it out",
}
"""Sections that the design names and this version has not."""


@dataclass(frozen=True, slots=True)
class Source:
    """What one configuration is made of: a file's text, the environment, the addresses of embedded parts."""

    text: str = ""
    name: str = "the default configuration"
    environ: Mapping[str, str] = field(default_factory=dict)
    overlay: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overlay_name: str = "addresses.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (a mistake) or unwise (a warning), and where."""

    source: str
    line: int | None
    says: str
    mistake: bool = True
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.source, self.line, self.column) if part is not None)
        return f"{place}: {'' if self.mistake else 'warning: '}{self.says}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration, unless it has mistakes, with all that was found."""

    config: Config | None
    findings: tuple[Finding, ...]

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        """What must change before anything can run."""
        return tuple(finding for finding in self.findings if finding.mistake)


def examine(source: Source) -> Checked:
    """Check a configuration as a whole; nothing is raised for what is wrong in it."""
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    try:
        values = tomllib.loads(source.text)
        lines = Lines(source.text)
    except tomllib.TOMLDecodeError as error:
        findings.append(_syntax(source, error))
        lines = Lines("")
    place = _Places(source, lines)
    for override in overrides(source.environ):
        if says := _unfit(override.section):
            findings.append(Finding(override.variable, None, says))
            continue
        values = lay_over(values, {override.section: {override.key: override.value}})
        place.variables[override.section, override.key] = override.variable
    values = lay_over(values, source.overlay)
    for location, says in _wrong(values):
        findings.append(place.finding(location, says))
    findings += [
        place.within(location, f"{_subject(location)}: {says}", at)
        for location, says, at in wrong_conditions(Config, values)
    ]
    findings.sort(key=lambda finding: (finding.line is None, finding.line or 0, finding.column or 0))
    if findings:
        return Checked(None, tuple(findings))
    config = Config.model_validate(values)
    return Checked(config, tuple(_warnings(values, config, place)))


class _Places:
    """Says where a setting was made: in an overlay, a variable, or on a line of the file."""

    def __init__(self, source: Source, lines: Lines) -> None:
        self._source = source
        self._lines = lines
        self.variables: dict[Location, str] = {}

    def finding(self, location: Location, says: str, *, mistake: bool = True) -> Finding:
        section, key = (*location, None, None)[:2]
        if key in self._source.overlay.get(str(section), {}):
            return Finding(self._source.overlay_name, None, says, mistake)
        if location[:2] in self.variables:
            return Finding(self.variables[location[:2]], None, says, mistake)
        return Finding(self._source.name, self._lines.of(location), says, mistake)

    def within(self, location: Location, says: str, at: int) -> Finding:
        """A mistake at a character of the text that a setting holds."""
        found = self.finding(location, says)
        place = self._lines.within(location, at)
        return replace(found, line=place[0], column=place[1]) if found.line is not None and place else found


def _syntax(source: Source, error: tomllib.TOMLDecodeError) -> Finding:
    text = str(error)
    found = re.search(r" \(at line (\d+), column \d+\)$", text)
    line = int(found[1]) if found else source.text.count("\n") + 1
    text = text.partition(" (at ")[0]
    if twice := re.fullmatch(r"Cannot declare \((.*?),?\) twice", text):
        heading = ".".join(part.strip(" '\"") for part in twice[1].split(","))
        return Finding(source.name, line, f"[{heading}] is there twice; put its keys under one")
    hint = next((hint for start, hint in _SYNTAX_HINTS.items() if text.startswith(start)), None)
    return Finding(source.name, line, f"this is not TOML: {text}" + (f"; {hint}" if hint else ""))


def _unfit(section: str) -> str | None:
    """Why a variable cannot set anything in this section, if so."""
    if says := LATER.get(section):
        return says
    if section not in keys(()):
        sections = [name for name in keys(()) if not is_list((name,))]
        return f"there is no section [{section}]" + _suggestion(section, sections, "[{}]")
    if is_list((section,)):
        return f"[[{section}]] is a list of records, which a variable cannot set; write it in the file"
    return None


def _wrong(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    try:
        Config.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if detail["loc"]:
                yield detail["loc"], _sentence(detail)
    yield from conflicts(values)


def _sentence(detail: ErrorDetails) -> str:
    location, kind = detail["loc"], detail["type"]
    if kind == "extra_forbidden":
        return _unknown(location)
    *outer, key = location
    if kind == "missing":
        return f'{heading(outer)} lacks "{key}"; it is needed'
    subject = _subject(location)
    if kind in ("tuple_type", "model_type", "dict_type", "model_attributes_type"):
        return _misshapen(location, subject, detail["input"])
    given = "what is there" if SECRETS & set(location) else _shown(detail["input"])
    if kind == "literal_error":
        return f"{subject} {_choice(location, detail['input'])}"
    if kind in _SENTENCES:
        return f"{subject} {_SENTENCES[kind].format(**{**detail.get('ctx', {}), 'input': given})}"
    return f"{subject}: {detail['ctx']['error'] if kind == 'value_error' else detail['msg']}"


def _unknown(location: Location) -> str:
    *outer, key = location
    known_by = homes(str(key))
    if not outer:
        sections = keys(())
        if says := LATER.get(str(key)):
            return says
        if known_by and key not in sections:
            return f'"{key}" stands outside any section; put it under {" or ".join(known_by)}'
        return f"there is no section [{key}]" + _suggestion(str(key), sections, "[{}]")
    known = keys(tuple(outer))
    says = f'{heading(outer)} has no key "{key}"'
    if known_by:
        return f"{says}; it belongs under {' or '.join(known_by)}; allowed here: {', '.join(known)}"
    return says + _suggestion(str(key), known, '"{}"')


def _suggestion(word: str, known: list[str], form: str) -> str:
    close = get_close_matches(word, known, n=1)
    did_you_mean = f"; did you mean {form.format(close[0])}?" if close else ""
    return f"{did_you_mean}{' Allowed:' if close else '; allowed:'} {', '.join(known)}"


def _misshapen(location: Location, subject: str, given: object) -> str:
    if len(location) == 1 and is_list(location):
        return f"[[{location[0]}]] is a list of records; write its heading in double brackets: [[{location[0]}]]"
    if len(location) == 1 and isinstance(given, list | tuple):
        return f"[{location[0]}] is there once; write its heading in single brackets: [{location[0]}]"
    if is_list(location):
        shown = "what is there" if SECRETS & set(location) else _shown(given)
        return f'{subject} should be a list in brackets like ["…", "…"], not {shown}'
    return f"{subject} should be a section with keys, not {_shown(given)}"


def _choice(location: Location, given: object) -> str:
    options = choices(location)
    close = get_close_matches(str(given), options, n=1)
    listed = ", ".join(f'"{option}"' for option in options)
    return f"must be one of {listed}, not {_shown(given)}" + (f'; did you mean "{close[0]}"?' if close else "")


def _subject(location: Location) -> str:
    """A section, or a key with its section, as a reader finds it; an element of a list is called by its key."""
    if is_record(location):
        return heading(location)
    *_, key = (part for part in location if isinstance(part, str) and part != "[key]")
    return f"{heading(location)} {key}".strip()


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - what a line of a terminal bears


def _lacking_pages(config: Config, place: _Places) -> Iterator[Finding]:
    for index, page in enumerate(config.social):
        for key in page.lacking:
            says = f'[[social]] "{page.name}" lacks "{key}"; until it is there, nothing is taken from it'
            yield place.finding(("social", index), says, mistake=False)
        for key in page.lacking_to_answer:
            if key not in page.lacking:
                says = f'[[social]] "{page.name}" lacks "{key}"; until it is there, no answer leaves by it'
                yield place.finding(("social", index), says, mistake=False)


def _warnings(values: Mapping[str, Any], config: Config, place: _Places) -> Iterator[Finding]:
    if not config.desk.secret:
        says = '[desk] secret is not set; write secret = ["env:CASESTREAM_SECRET"], so that references can be signed'
        yield place.finding(("desk",), says, mistake=False)
    yield from _never_asked(config, place)
    yield from _lacking_pages(config, place)
    for index, exchange in enumerate(config.phone):
        if problem := _deaf(exchange):
            yield place.finding(("phone", index), f'[[phone]] "{exchange.name}" {problem}', mistake=False)
    for location, says in (*_believed_of_anybody(values, config), *_unheard_commands(config)):
        yield place.finding(location, says, mistake=False)
    if wrong := _certificate_problem(config):
        yield place.finding(("smtp", "certificate"), f"[smtp] {wrong}", mistake=False)
    for location, value in _secrets(values, ()):
        if problem := _exposed(value, open_to_all=location[:2] not in place.variables):
            yield place.finding(location, f"{_subject(location)}: {problem}", mistake=False)


def _believed_of_anybody(values: Mapping[str, Any], config: Config) -> Iterator[tuple[Location, str]]:
    """Where anybody may tell of another system's things."""
    for index, name in believes_anybody(values, config.correlate):
        says = (
            f'[[correlate]] "{name}" believes whoever writes such a mail, also that all is well; '
            "let its when ask for message.from.address or message.proven"
        )
        yield ("correlate", index, "when"), says


def _unheard_commands(config: Config) -> Iterator[tuple[Location, str]]:
    """Where devices would be told what to do, and are not."""
    for index, feed in enumerate(config.device_feed):
        if feed.commands and feed.format != "json":
            says = f'[[device_feed]] commands is for format "json", and not heeded with "{feed.format}"'
            yield ("device_feed", index, "commands"), says
    if any(alarm.actions for alarm in config.alarm) and not any(_commanded(feed) for feed in config.device_feed):
        says = (
            'alarms send commands, and no [[device_feed]] takes any; with format "json" name "commands" and "answers"'
        )
        yield ("alarm", 0), says


def _commanded(feed: DeviceFeed) -> bool:
    """Whether devices of a feed may get commands."""
    return feed.takes_commands


def _never_asked(config: Config, place: _Places) -> Iterator[Finding]:
    for index, above in unreachable(config.route):
        says = f'[[route]] "{config.route[index].name}" is never asked: "{above}" above it holds always'
        yield place.finding(("route", index), says, mistake=False)


def _deaf(exchange: Phone) -> str | None:
    """Why what an exchange tells would not be heard."""
    if exchange.directory and exchange.format in ONLY_POSTED:
        return f'posts "{exchange.format}" over HTTP; its directory is not read'
    if exchange.directory or (exchange.token and exchange.format not in ONLY_FILES):
        return None
    return f'has no "{"directory" if exchange.format in ONLY_FILES else "token"}", so that nothing tells of its calls'


def _certificate_problem(config: Config) -> str | None:
    """What is wrong with the files of the certificate, here at least: who checks may not be who runs."""
    smtp = config.smtp
    if not smtp.certificate or not smtp.key:
        return None
    try:
        context = server_context(smtp.certificate, smtp.key)
    except BadCertificateError as error:
        return str(error)
    return doubts(smtp.certificate, context, datetime.now(UTC))


def _exposed(value: str, *, open_to_all: bool) -> str | None:
    if not value.startswith(("env:", "file:")):
        return "a secret stands here in the open; write env:NAME or file:PATH" if open_to_all else None
    try:
        read_secret(value)
    except LookupError as error:
        return f"{error}, here at least"
    return None


def _secrets(value: object, location: Location) -> Iterator[tuple[Location, str]]:
    """Every value of a key that holds secrets."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, (*location, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*location, index))
    elif isinstance(value, str) and SECRETS & set(location):
        yield location, value
