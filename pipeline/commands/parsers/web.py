"""Forms for `casestream parse web`."""

from collections.abc import Iterable
from typing import Any

from pipeline.commands.parsers.channel import Asked, Channel, Reader


def reader(asked: Asked) -> Reader:
    """One object a form, sent as JSON or urlencoded; which form it is stands in its field `form`."""
    from dataclasses import asdict

    from pipeline.config.channels import Form
    from pipeline.parse.form_body import read_body
    from pipeline.parse.strict_json import Malformed
    from pipeline.parse.web import parse_form

    forms = {form.name: form for form in asked.config.form} if asked.config else {}
    any_form = Form(name="form")

    def objects(raw: bytes) -> Iterable[dict[str, Any]]:
        is_json = raw.lstrip()[:1] in {b"{", b"["}
        content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
        try:
            name = read_body(raw, content_type).fields.get("form", "")
        except Malformed:
            name = ""
        yield {**asdict(parse_form(raw, content_type, forms.get(name, any_form))), "form": name}

    return objects


CHANNEL = Channel(reader)
