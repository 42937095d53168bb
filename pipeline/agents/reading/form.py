"""Reads a submitted web form into a typed message."""

from email.utils import parseaddr

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.rules import Rules
from pipeline.agents.text import clean
from pipeline.domain.acknowledging import is_nobody
from pipeline.domain.duplicates import digest, window_keys
from pipeline.domain.matching import normal_address
from pipeline.parse.addresses import MAX_ADDRESS
from pipeline.parse.web import parse_form
from pipeline.wire import Envelope, Record


def read_form(rules: Rules, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
    """The form that a record holds. Raises LookupError when the desk has no such form."""
    name = envelope.facts.get("form", envelope.source.rpartition("/")[2])
    form = rules.forms.get(name)
    if form is None:
        raise LookupError(f"there is no [[form]] named {name}")
    post = parse_form(raw, envelope.content_type, form)
    address = normal_address(parseaddr(post.email or "")[1])
    idempotency = envelope.facts.get("idempotencykey")
    known = (post.name, post.email, post.phone, post.subject, post.text, post.product)
    content = (*known, sorted(post.fields.items()))
    files = [attachment.sha256 for attachment in post.attachments]
    own, *near = (
        [digest("form-key", name, idempotency, address)]  # two senders may well think of the same key
        if idempotency
        else window_keys(digest("form", name, *content, *files), envelope.time)
    )
    return Incoming(
        record=record,
        envelope=envelope,
        id=uuid7(),
        source_id=envelope.id,
        kind="web",
        subject=clean(post.subject or "")[:2000],
        text=clean(post.text or ""),
        queue=rules.queue_of_form(name),
        dedupe_key=own,
        dedupe_near=tuple(near),
        sender=clean(address[:MAX_ADDRESS]) or None,
        sender_name=clean(post.name or ""),
        quarantine="its hidden field was filled in, as robots do" if "honeypot" in envelope.facts else None,
        acknowledge=form.acknowledge and bool(address) and not is_nobody(address),
        shown={"form": name, "fields": {field: clean(str(value)) for field, value in post.fields.items()}},
        defects=(
            *((clean(post.malformed),) if post.malformed else ()),
            *(clean(f"{field[:100]}: {error}") for field, error in post.errors.items()),
        ),
    )
