"""A submitted web form → what it says, and which of its fields are wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.config.channels import Form
from pipeline.parse.form_body import Submitted, read_body
from pipeline.parse.message import Attachment
from pipeline.parse.strict_json import Malformed

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("name", "fullname", "yourname"), "name"),
    **dict.fromkeys(("email", "mail", "emailaddress"), "email"),
    **dict.fromkeys(("phone", "tel", "telephone", "phonenumber"), "phone"),
    **dict.fromkeys(("subject", "title"), "subject"),
    **dict.fromkeys(("text", "message", "body", "description"), "text"),
    "product": "product",
}
"""Which of our fields a site's own name of it means, in small letters without marks."""

LIMITS: Mapping[str, int] = {
    "name": 200,
    "email": 254,
    "phone": 50,
    "subject": 500,
    "text": 100_000,
    "product": 200,
}
"""Characters a field may hold; any other field may hold OTHER_LIMIT."""

TOKEN_FIELD = "casestream_token"  # noqa: S105  # the name of a field
"""The hidden field of our own page: it holds a token that is given out once."""

OTHER_LIMIT = 10_000
MAX_FIELDS = 200
MAX_NAME = 100

_MARKS = re.compile(r"[\W_]+")
_LOCAL = r"[^\s@\"(),:;<>\[\]\\.\x00-\x1f\x7f]+"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"{_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+{_LABEL}")
_PHONE = re.compile(r"[+\d][\d\s()./x#*-]*", re.IGNORECASE)
_LOCAL_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WebForm:
    """What was submitted; `errors` says by field what is wrong, `malformed` why the body could not be read at all.

    `fields` holds what is none of ours under the site's own names; `trap` tells that the honeypot was filled.
    """

    form: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    subject: str | None = None
    text: str | None = None
    product: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    malformed: str | None = None
    trap: bool = False
    token: str | None = None


def parse_form(raw: bytes, content_type: str, form: Form) -> WebForm:
    """The submitted form as far as it can be read; never raises on what a client sent."""
    try:
        submitted = read_body(raw, content_type)
    except Malformed as problem:
        return WebForm(form=form.name, malformed=str(problem))
    ours, others = _sorted(submitted, form)
    return WebForm(
        form=form.name,
        **{name: ours.get(name) for name in LIMITS},
        fields=others,
        attachments=tuple(file.attachment for file in submitted.files),
        errors=_errors(ours, others, submitted, form),
        token=submitted.fields.get(TOKEN_FIELD, "")[:MAX_NAME] or None,
        trap=any(value.strip() for name, value in submitted.fields.items() if name == form.honeypot),
    )


def is_email(text: str) -> bool:
    """Whether the text is an address that mail could be sent to, as far as its form tells."""
    return len(text) <= LIMITS["email"] and text.find("@") <= _LOCAL_LENGTH and _EMAIL.fullmatch(text) is not None


def _sorted(submitted: Submitted, form: Form) -> tuple[dict[str, str], dict[str, str]]:
    """Our fields, then the others; of several names for one field the first that holds something counts."""
    ours: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in submitted.fields.items():
        if name in {form.honeypot, TOKEN_FIELD, "form"}:
            continue
        known = form.fields.get(name) or ALIASES.get(_MARKS.sub("", name.lower()[:MAX_NAME]))
        if known is None or (known in ours and value.strip()):
            others[name] = value
        elif value.strip():
            ours[known] = value if known == "text" else value.strip()
    return ours, others


def _errors(ours: Mapping[str, str], others: Mapping[str, str], submitted: Submitted, form: Form) -> dict[str, str]:
    errors = {name: "required" for name in form.required if not (ours.get(name) or others.get(name, "").strip())}
    for name, value in (*ours.items(), *others.items()):
        if len(value) > LIMITS.get(name, OTHER_LIMIT):
            errors.setdefault(name, "too_long")
    for name in submitted.nested:
        errors.setdefault(ALIASES.get(_MARKS.sub("", name.lower()), name), "invalid")
    if "email" in ours and not is_email(ours["email"]):
        errors.setdefault("email", "invalid")
    if "phone" in ours and not _PHONE.fullmatch(ours["phone"]):
        errors.setdefault("phone", "invalid")
    if any(len(name) > MAX_NAME for name in submitted.fields) or len(submitted.fields) > MAX_FIELDS:
        errors.setdefault("fields", "too_long")
    if len(submitted.files) > form.max_files:
        errors.setdefault("attachments", "too_many")
    for file in submitted.files:
        if file.attachment.size > form.max_file_size:
            errors.setdefault(file.field[:MAX_NAME], "too_large")
    return errors
