"""JSON from outside: read within bounds, or refused with what is wrong."""

import json
from collections.abc import Iterator

_MAX_NUMBER = 64
_BLANKS = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class Malformed(ValueError):  # noqa: N818 - reads as what the body is, like the errors of the house
    """The body is not what its content type says; the text tells why."""


def read_json(raw: bytes) -> object:
    """What the JSON says, its numbers as they were written, so that they stay exact. Raises Malformed."""
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_literal,
            parse_float=_literal,
        )
    except Malformed:
        raise
    except RecursionError as error:
        raise Malformed("the JSON is nested too deep") from error
    except ValueError as error:
        raise Malformed("the body is not JSON") from error


def members(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each member of an object, the value in its own characters; `text` has been read before."""
    place = _after_blanks(text, _after_blanks(text, 0) + 1)
    while text[place] != "}":
        name, place = _decode(text, place)
        start = _after_blanks(text, _after_blanks(text, place) + 1)
        _, end = _decode(text, start)
        yield name, text[start:end]
        place = _after_blanks(text, end)
        if text[place] == ",":
            place = _after_blanks(text, place + 1)


def elements(text: str) -> Iterator[str]:
    """Each element of an array in its own characters; `text` has been read before."""
    place = _after_blanks(text, _after_blanks(text, 0) + 1)
    while text[place] != "]":
        _, end = _decode(text, place)
        yield text[place:end]
        place = _after_blanks(text, end)
        if text[place] == ",":
            place = _after_blanks(text, place + 1)


def _after_blanks(text: str, place: int) -> int:
    while text[place : place + 1] in _BLANKS and place < len(text):
        place += 1
    return place


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a key is there twice")
    return found


def _no_number(name: str) -> object:
    raise Malformed(f"{name} is no number")


def _literal(digits: str) -> str:
    if len(digits) > _MAX_NUMBER:
        raise Malformed("a number is too long")
    return digits
