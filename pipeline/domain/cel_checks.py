"""What the texts in a condition must be: patterns, zones, words that a field may hold; else refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import ZoneInfo

import re2

from pipeline.domain.cel_kinds import Kind, Record
from pipeline.domain.cel_library import cel
from pipeline.domain.cel_syntax import BadConditionError, Call, Literal, Node

_NO_ERRORS = re2.Options()
_NO_ERRORS.log_errors = False
_MOST_CHOICES = 12


@dataclass(frozen=True, slots=True)
class Judged:
    """A part of a condition: its kind, and the CEL text that computes it.

    `absent` says when it has no value itself, `needs` what must have one before it can be computed.
    """

    kind: Kind | Record
    text: str
    needs: tuple[str, ...] = ()
    absent: str | None = None
    path: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """What must be there before anything can be computed of it."""
        return (*self.needs, self.absent) if self.absent else self.needs


def called(one: Judged) -> str:
    """A part as a reader finds it: a field by its name and kind, anything else by its kind."""
    kind = "a record" if isinstance(one.kind, Record) else one.kind.name
    return f"{'.'.join(one.path)} ({kind})" if one.path else kind


def check_choice(side: Judged, node: Node) -> None:
    """A field that holds one of some words is compared with one of them. Raises BadConditionError."""
    if not isinstance(side.kind, Kind) or not side.kind.choices or not isinstance(node, Literal):
        return
    if node.kind != "text" or (value := str(cel.evaluate(node.text))) in ("", *side.kind.choices):
        return
    says = f'{".".join(side.path)} is never "{value}"{instead(value, side.kind.choices)}'
    raise BadConditionError(says, node.at)


def check_pattern(node: Node) -> None:
    """A pattern stands there itself and is one. Raises BadConditionError."""
    if not isinstance(node, Literal) or node.kind != "text":
        raise BadConditionError("a pattern stands there itself, in quotes", node.at)
    try:
        re2.compile(cel.evaluate(node.text), _NO_ERRORS)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise BadConditionError(f"this is no regular expression (of RE2): {reason}", node.at) from error


def check_zone(node: Node) -> None:
    """A time zone stands there itself and is one. Raises BadConditionError."""
    try:
        ZoneInfo(str(cel.evaluate(node.text)) if isinstance(node, Literal) and node.kind == "text" else "")
    except (KeyError, ValueError, OSError) as error:
        raise BadConditionError("a time zone stands here in quotes, like 'Europe/Berlin'", node.at) from error


def check_constant(node: Call, given: list[Judged]) -> None:
    """What is made of values that stand there themselves is made now, so that it cannot fail later."""
    if node.function == "matches" or node.receiver is not None:
        return
    text = f"{node.function}({', '.join(one.text for one in given)})"
    try:
        cel.evaluate(text)
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        hint = "; durations are h, m, s: duration('48h')" if node.function == "duration" else ""
        raise BadConditionError(f"{text} cannot be computed{hint}", node.arguments[0].at) from error


def instead(word: str, known: Iterable[str]) -> str:
    """What there is instead of a word that means nothing here."""
    there = list(known)
    close = get_close_matches(word, there, n=1)
    listed = [f'"{one}"' for one in there[:_MOST_CHOICES]]
    more = ", …" if len(there) > _MOST_CHOICES else ""
    meant = f'; did you mean "{close[0]}"?' if close else ""
    return f"{meant}{' Allowed:' if close else '; allowed:'} {', '.join(listed)}{more}" if listed else "; there is none"
