"""Correlation: which mails of another system tell of the same thing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

from pipeline.domain.conditions import MAX_TEXT, Condition, Given, View
from pipeline.domain.routing import shown

MAX_FIELD = 500
"""Characters of a field; what is longer is no name of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A rule: which mails it is about, which fields are cut from them, which of these name what they tell of.

    `resolve_when` says by which of them it is over.
    """

    name: str
    when: Condition
    view: View
    fields: Mapping[str, str]
    key: tuple[str, ...]
    resolve_when: Condition | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Correlated:
    """What a mail tells of, by rule and `key`; `resolves` when it says that this is over."""

    rule: str
    key: str
    fields: Mapping[str, str] = field(default_factory=dict)
    resolves: bool = False
    queue: str | None = None

    def __str__(self) -> str:
        return f"[[correlate]] {self.rule}: {shown(self.fields)}"


def correlate(
    rules: Sequence[Correlation], message: Given, subject: str, text: str
) -> tuple[Correlated | None, list[str]]:
    """What the first rule that is about a mail makes of it, if any is; and what is to be noted.

    A rule whose key the mail does not hold is not about it.
    """
    notes: list[str] = []
    for rule in rules:
        facts = rule.view.facts({"message": message})
        about = rule.when.holds(facts)
        notes += [f"[[correlate]] {failure}" for failure in facts.failures]
        if not about:
            continue
        fields = cut(rule.fields, subject, text)
        if missing := [name for name in rule.key if not fields.get(name)]:
            notes.append(f"[[correlate]] {rule.name}: it holds no {', '.join(missing)}")
            continue
        told = rule.view.facts({"message": message, "fields": fields})
        resolves = rule.resolve_when is not None and rule.resolve_when.holds(told)
        notes += [f"[[correlate]] {failure}" for failure in told.failures]
        return Correlated(rule.name, _key(rule, fields), fields, resolves, rule.queue), notes
    return None, notes


def cut(fields: Mapping[str, str], subject: str, text: str) -> dict[str, str]:
    """The fields that subject, newline, text hold: of the first match of each pattern the first group."""
    whole = f"{subject}\n{text}"[:MAX_TEXT]
    found: dict[str, str] = {}
    for name, pattern in fields.items():
        match = _compiled(pattern).search(whole)
        value = (match.group(1 if match.re.groups else 0) or "") if match is not None else ""
        found[name] = value.strip()[:MAX_FIELD]
    return found


def wrong_pattern(pattern: str) -> str | None:
    """Why a pattern is none, if so."""
    try:
        _compiled(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        return f"this is no regular expression (of RE2): {reason}"
    return None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:  # noqa: ANN401  # RE2 ships no types
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _key(rule: Correlation, fields: Mapping[str, str]) -> str:
    parts = "\0".join((rule.name, *(fields[name] for name in rule.key)))
    return "correlate:" + hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()
