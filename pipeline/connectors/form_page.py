"""The page of a form, and the script that puts it into another site's page: small, accessible, without any library."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from secrets import token_urlsafe

from pipeline.config.channels import Form
from pipeline.parse.web import LIMITS, OTHER_LIMIT, TOKEN_FIELD

LABELS: Mapping[str, str] = {
    "name": "Name",
    "email": "Email",
    "phone": "Phone",
    "subject": "Subject",
    "text": "Message",
    "product": "Product",
    "attachments": "Files",
    "send": "Send",
    "thanks": "Thank you. We have your message.",
    "wrong": "Some fields are wrong.",
    "required": "Please fill this in.",
    "invalid": "This is not in the right form.",
    "too_long": "This is too long.",
    "too_large": "This file is too large.",
    "too_many": "These are too many files.",
    "unreachable": "No mail can be sent to this address.",
    "later": "We cannot take it now. Please try again in a moment.",
    "again": "Please choose your files again.",
}
"""What a page says, unless the form's `labels` say it otherwise."""

_ALWAYS = ("name", "email", "subject", "text")
_KINDS: Mapping[str, tuple[str, str]] = {
    "name": ("text", "name"),
    "email": ("email", "email"),
    "phone": ("tel", "tel"),
}
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}label{display:block;font-weight:600;margin-top:1rem}input,textarea{box-sizing:border-box;"
    "width:100%;padding:.5rem;font:inherit;border:1px solid #595959;border-radius:.25rem}"
    "[aria-invalid=true]{border-color:#b00020;border-width:2px}.error{color:#b00020}"
    "button{margin-top:1.5rem;padding:.6rem 1.5rem;font:inherit;color:#fff;background:#0b5394;border:0;"
    "border-radius:.25rem}.extra{position:absolute;left:-99rem}:focus-visible{outline:3px solid #ffbf47}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()


def policy(form: Form) -> str:
    """The Content-Security-Policy of its page: nothing but itself, framed by the sites that may send it."""
    framed_by = " ".join(("'self'", *form.origins)) if form.origins else "*"
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {framed_by}"
    )


def form_page(
    form: Form,
    language: str,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    notice: str = "",
) -> str:
    """The form as a page, filled with what was sent before, and with what is wrong at each field."""
    words = {**LABELS, **form.labels}
    errors = {name: words.get(error, error) for name, error in (errors or {}).items()}
    says = [words["wrong"] if errors else "", notice, words["again"] if values and form.max_files else ""]
    summary = " ".join(said for said in says if said) if errors or notice else ""
    alert = f'<p class="error" role="alert" id="summary">{escape(summary)}</p>' if summary else ""
    fields = "".join(_field(form, words, name, values or {}, errors) for name in shown_fields(form))
    others = "".join(
        f'<p class="error">{escape(name)}: {escape(error)}</p>'
        for name, error in errors.items()
        if name not in shown_fields(form) and name != "attachments"
    )
    trap = (
        f'<div class="extra" aria-hidden="true"><label>{escape(form.honeypot)} '
        f'<input name="{escape(form.honeypot)}" tabindex="-1" autocomplete="off"></label></div>'
    )
    body = (
        f'<form method="post" action="{escape(form.name)}" enctype="multipart/form-data">{fields}'
        f"{_file(form, words, errors)}{others}{trap}"
        f'<input type="hidden" name="{TOKEN_FIELD}" value="{token_urlsafe(18)}">'
        f'<button type="submit">{escape(words["send"])}</button></form>'
    )
    return _document(form, language, alert + body)


def thanks_page(form: Form, language: str) -> str:
    """What a visitor sees when the form is ours."""
    return _document(form, language, f'<p role="status">{escape({**LABELS, **form.labels}["thanks"])}</p>')


def shown_fields(form: Form) -> list[str]:
    """The fields a visitor is asked for: the usual ones, and those that the form requires."""
    return list(dict.fromkeys((*_ALWAYS, *form.required)))


def _document(form: Form, language: str, body: str) -> str:
    title = escape(form.title or form.name.replace("-", " ").replace("_", " ").capitalize())
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _field(
    form: Form, words: Mapping[str, str], name: str, values: Mapping[str, str], errors: Mapping[str, str]
) -> str:
    kind, fills = _KINDS.get(name, ("text", "off"))
    id_ = escape(f"field-{name}")
    marks = f'id="{id_}" name="{escape(name)}" maxlength="{LIMITS.get(name, OTHER_LIMIT)}" {_wrong(id_, name, errors)}'
    marks += " required" if name in form.required else ""
    value = escape(values.get(name, ""))
    label = f'<label for="{id_}">{escape(words.get(name, name.capitalize()))}</label>'
    if name == "text":
        return f'{label}<textarea {marks} rows="8">\n{value}</textarea>{_error(id_, name, errors)}'
    return f'{label}<input type="{kind}" autocomplete="{fills}" {marks} value="{value}">{_error(id_, name, errors)}'


def _file(form: Form, words: Mapping[str, str], errors: Mapping[str, str]) -> str:
    if form.max_files == 0:
        return ""
    several = " multiple" if form.max_files > 1 else ""
    return (
        f'<label for="field-attachments">{escape(words["attachments"])}</label>'
        f'<input type="file" id="field-attachments" name="attachments"{several} '
        f"{_wrong('field-attachments', 'attachments', errors)}>{_error('field-attachments', 'attachments', errors)}"
    )


def _wrong(id_: str, name: str, errors: Mapping[str, str]) -> str:
    return f'aria-invalid="true" aria-describedby="{id_}-error"' if name in errors else ""


def _error(id_: str, name: str, errors: Mapping[str, str]) -> str:
    return f'<p class="error" id="{id_}-error">{escape(errors[name])}</p>' if name in errors else ""


_EMBEDDED_STYLE = (
    ":where(.casestream-form){max-width:38rem}"
    ":where(.casestream-form label){display:block;font-weight:600;margin-top:1rem}"
    ":where(.casestream-form input,.casestream-form textarea)"
    "{box-sizing:border-box;width:100%;padding:.5rem;font:inherit}"
    ":where(.casestream-form [aria-invalid=true]){border:2px solid #b00020}"
    ":where(.casestream-error,.casestream-form [role=alert]){color:#b00020}"
    ":where(.casestream-form button){margin-top:.5rem;padding:.6rem 1.5rem;font:inherit}"
)
"""How the form looks in a site's page as long as that has no rule for it: `:where` yields to any other selector."""


def form_script(form: Form) -> str:
    """The script that puts the form where it stands in a page, and sends it without leaving that page."""
    definition = {
        "name": form.name,
        "words": {**LABELS, **form.labels},
        "fields": list(_described(form)),
        "files": form.max_files,
        "honeypot": form.honeypot,
    }
    text = json.dumps(definition).replace("<", "\\u003c")
    return _SCRIPT.replace("STYLE", json.dumps(_EMBEDDED_STYLE)).replace("DEFINITION", text)


def _described(form: Form) -> Iterator[Mapping[str, object]]:
    for name in shown_fields(form):
        kind, fills = _KINDS.get(name, ("text", "off"))
        limit = LIMITS.get(name, OTHER_LIMIT)
        required = name in form.required
        yield {"name": name, "kind": kind, "fills": fills, "limit": limit, "required": required}


_SCRIPT = """(function () {
  "use strict";
  var form = DEFINITION;
  var script = document.currentScript;
  var target = new URL(script.src.replace(/\\.js(\\?.*)?$/, ""));
  var element = document.createElement("form");
  var key = newKey();

  function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(18)), function (byte) {
      return byte.toString(16).padStart(2, "0");
    }).join("");
  }

  function make(tag, properties, parent) {
    var made = Object.assign(document.createElement(tag), properties);
    (parent || element).append(made);
    return made;
  }

  function say(text, role) {
    var line = element.querySelector("[data-says]");
    line.textContent = text;
    line.setAttribute("role", role);
  }

  function field(described) {
    var id = "casestream-" + form.name + "-" + described.name;
    make("label", { htmlFor: id, textContent: form.words[described.name] || described.name });
    var input = make(described.name === "text" ? "textarea" : "input", { id: id, name: described.name });
    if (described.name !== "text") { input.type = described.kind; } else { input.rows = 8; }
    input.required = Boolean(described.required);
    if (described.limit) { input.maxLength = described.limit; }
    if (described.fills) { input.autocomplete = described.fills; }
    if (described.kind === "file") { input.multiple = form.files > 1; }
    make("p", { id: id + "-error", hidden: true, className: "casestream-error" });
  }

  function mark(errors) {
    element.querySelectorAll("[id$='-error']").forEach(function (line) {
      var input = document.getElementById(line.id.slice(0, -6));
      var error = errors[input.name];
      line.hidden = !error;
      line.textContent = error ? form.words[error] || error : "";
      if (error) {
        input.setAttribute("aria-invalid", "true");
        input.setAttribute("aria-describedby", line.id);
      } else {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-describedby");
      }
    });
    var first = element.querySelector("[aria-invalid]");
    if (first) { first.focus(); }
  }

  function answered(reply) {
    if (reply.ok) {
      element.reset();
      key = newKey();
      mark({});
      say(form.words.thanks, "status");
      return undefined;
    }
    return reply.json().then(function (problem) {
      mark(problem.errors || {});
      say(reply.status === 422 ? form.words.wrong : form.words.later, "alert");
    });
  }

  function send(event) {
    event.preventDefault();
    var button = element.querySelector("button");
    button.disabled = true;
    fetch(target, { method: "POST", body: new FormData(element), headers: { "Idempotency-Key": key } })
      .then(answered)
      .catch(function () { say(form.words.later, "alert"); })
      .finally(function () { button.disabled = false; });
  }

  form.fields.forEach(field);
  if (form.files) { field({ name: "attachments", kind: "file" }); }
  var trap = make("div", { ariaHidden: "true" });
  trap.style.position = "absolute";
  trap.style.left = "-99rem";
  make("input", { name: form.honeypot, tabIndex: -1, autocomplete: "off" }, trap);
  make("p", {}).setAttribute("data-says", "");
  make("button", { type: "submit", textContent: form.words.send });
  var style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  document.adoptedStyleSheets = document.adoptedStyleSheets.concat(style);
  element.className = "casestream-form";
  element.addEventListener("submit", send);
  script.after(element);
})();
"""
