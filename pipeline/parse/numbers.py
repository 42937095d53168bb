"""Telephone numbers as exchanges write them → E.164.

Sources: ITU-T E.164 (at most 15 digits), RFC 3966 (tel:), RFC 3261 (sip:); numbering plans are libphonenumber's.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_possible_number,
    is_valid_number,
    national_significant_number,
    parse,
)

E164_DIGITS = 15
LONGEST_PREFIX = 5
MAX_TEXT = 250
NO_NUMBER = "it is no number"

_FULL_LENGTH = 10
"""Digits from which a number without any prefix may be an international one without its plus."""

_CLOSED_LENGTHS = 2
"""A plan whose land lines have so many lengths at most is closed: without its prefix a number is still whole."""

_MEXICO = 52
_RETIRED = re.compile(r"(?:1|01|04[45])(\d{10})")
"""Prefixes that Mexico gave up in 2019; address books and gateways still hold them."""

_WITHHELD = frozenset(
    [
        "anonymous",
        "anonym",
        "anonymousinvalid",
        "unknown",
        "unbekannt",
        "private",
        "privat",
        "privé",
        "privado",
        "restricted",
        "withheld",
        "unavailable",
        "blocked",
        "hidden",
        "unterdrückt",
        "clir",
        "callerid-withheld",
        "nocallerid",
        "0000000000",
    ]
)
_SIP = re.compile(r"[^<]{0,200}<?\s*sips?:(?:(?P<user>[^@>;]*)@)?(?P<host>[^>;?\s]*)", re.IGNORECASE)
_AT = re.compile(r"(?P<user>[^@\s<>]+)@(?P<host>[^@\s<>]+)")
_DIALLED = re.compile(r"\+?[\d\s().,/~*#\u00a0\u2010-\u2015-]+")
_WRITTEN = re.compile(r"\s*(?:tel:|\+|\(?\d)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in E.164 where that can be told, else as it came; None when there is none, or it was withheld."""

    text: str | None
    defect: str | None = None


def read_number(text: str, country: str | None) -> Number:
    """What a call's number means to an exchange in this country; never raises."""
    text = _CONTROL.sub("", text[: MAX_TEXT + 1]).strip()
    if not text:
        return Number(None)
    if len(text) > MAX_TEXT:
        return Number(None, "it is longer than any number")
    if _is_withheld(text):
        return Number(None, "withheld")
    if address := _SIP.match(text) or _AT.fullmatch(text):
        return _of_address(text, address, country)
    return _dialled(text, country) if _WRITTEN.match(text) or _DIALLED.fullmatch(text) else _no_number(text)


def e164(text: str, country: str | None) -> str | None:
    """The E.164 form of what a person wrote as a number of this country; None when it is none at all."""
    number = _attempt(text, country)
    return format_number(number, PhoneNumberFormat.E164) if number else None


def is_extension(number: str | None) -> bool:
    """Whether a number as `read_number` gives it can only mean a telephone of the exchange itself."""
    return number is not None and not number.startswith("+") and len(number) < 7  # noqa: PLR2004  # no trunk is shorter


def _no_number(text: str) -> Number:
    """What was written instead; a plus before it would promise E.164."""
    return Number(text.lstrip("+ ") or None, NO_NUMBER)


def _is_withheld(text: str) -> bool:
    user = re.sub(r"^sips?:|[@;>].*$", "", text.lower().strip('"<> '))
    return re.sub(r"[\s._]", "", user) in _WITHHELD


def _of_address(text: str, address: re.Match[str], country: str | None) -> Number:
    """The number in a SIP address, if its user is one; else the address."""
    user = unquote(address["user"] or "").strip()
    if not re.fullmatch(r"\+?[\d().-]+", user):
        return Number(text, "a SIP address, no number")
    found = _dialled(user, country)
    return Number(found.text, found.defect or "it came as a SIP address")


def _dialled(text: str, country: str | None) -> Number:
    digits = re.sub(r"[^\d*#]", "", text)
    if known := _parsed(text, country, digits):
        return Number(format_number(known, PhoneNumberFormat.E164))
    if not _DIALLED.fullmatch(text):
        return _no_number(text)
    if len(digits) > E164_DIGITS + LONGEST_PREFIX:
        return Number(digits, f"{len(digits)} digits are more than a number has")
    if text.startswith("+"):
        return Number(digits, "no country has such a number")
    return Number(digits or None, None if digits else NO_NUMBER)


def _parsed(text: str, country: str | None, digits: str) -> PhoneNumber | None:
    """The number with its country, unless that would be a guess."""
    number = _attempt(text, country)
    if number is not None and number.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY:
        own_code = number.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN
        return number if (is_valid_number if own_code else is_possible_number)(number) else None
    if number is not None and _is_national(text, digits, country, number):
        return number
    return _foreign(digits, country)


def _attempt(text: str, country: str | None) -> PhoneNumber | None:
    try:
        number = parse(text, country, keep_raw_input=True)
    except NumberParseException:
        return None
    if number.country_code == _MEXICO and (retired := _RETIRED.fullmatch(national_significant_number(number))):
        number.national_number, number.italian_leading_zero = int(retired[1]), None
    return number


def _is_national(text: str, digits: str, country: str | None, number: PhoneNumber) -> bool:
    """Whether a number without a country's code is whole: it has its trunk prefix, or its plan makes it unmistakable.

    Where lengths vary freely (Germany, Austria), a number without the prefix may as well be a neighbour's; there only
    a slash sets its area code apart.
    """
    plan = PhoneMetadata.metadata_for_region(country or "")
    if plan is None:
        return False
    if plan.national_prefix and digits.startswith(plan.national_prefix):
        return is_possible_number(number)
    lengths = plan.fixed_line.possible_length if plan.fixed_line else ()
    closed = not plan.national_prefix or len(lengths) <= _CLOSED_LENGTHS
    return (closed or re.match(r"\d+\s*/", text) is not None) and is_valid_number(number)


def _foreign(digits: str, country: str | None) -> PhoneNumber | None:
    """The number when its digits are a whole international one, as exchanges write them without the plus."""
    bare = digits.removeprefix("00") if country is None else digits
    if bare.startswith("0") or len(bare) < _FULL_LENGTH + (country is None):
        return None
    number = _attempt(f"+{bare}", None)
    return number if number is not None and is_valid_number(number) else None
