"""Words the mails of a desk: by its own templates, else by ours, in the language of who gets it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import structlog
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from pipeline.dispatch.mail.headers import one_line
from pipeline.dispatch.mail.vocabulary import TO_CUSTOMERS, filled
from pipeline.dispatch.mail.words import DEFAULT, LANGUAGES, primary, words_of

BUILT_IN = Path(__file__).with_name("templates")
FILE = re.compile(r"(?P<name>[a-z_]+)(?:\.(?P<language>[a-z]{2,3}))?\.(?P<kind>txt|html)")
"""`reply.de.txt` is for German, `reply.txt` for every language that has none of its own."""

MAX_RENDERED = 1_000_000

_SUBJECT = re.compile(r"\s*Subject:(?P<subject>[^\n]*)\n\s*?\n?(?P<text>.*)", re.DOTALL)

_log = structlog.get_logger()


class TemplateFailedError(Exception):
    """A template that does not give a mail, and why."""


@dataclass(frozen=True, slots=True)
class Worded:
    """What a mail says; `failed` tells which template could not say it, so that a plainer one did."""

    subject: str
    text: str
    html: str | None
    language: str
    failed: str | None = None


class Templates:
    """The desk's own templates over the built-in ones; a file is read again when it changed."""

    def __init__(self, own: Path | None, language: str) -> None:
        self._language = primary(language)
        self._own = make_environment(own) if own is not None else None
        self._built_in = make_environment(BUILT_IN)

    def choose(self, name: str, *wishes: str | None) -> str:
        """The first language wished for that the mail can be written in; else the desk's, else English."""
        for wish in (*wishes, self._language):
            code = primary(wish or "")
            if code in LANGUAGES or self._source(self._own, f"{name}.{code}.txt"):
                return code
        return DEFAULT

    def word(self, name: str, language: str, values: Mapping[str, Any]) -> Worded:
        """The mail in its words; a template of the desk that fails is passed over, since the mail must go."""
        known = {**filled(name, {**values, "language": language}), "words": words_of(language)}
        failed = None
        for environment in (self._own, self._built_in):
            if environment is None:
                continue
            try:
                if (worded := self._by(environment, name, language, known)) is not None:
                    return Worded(*worded, language, failed)
            except TemplateFailedError as error:
                failed = failed or str(error)
                _log.error("a template fails, a plainer one is taken", template=name, language=language, reason=failed)
        plain = (one_line(str(known["subject"] or "")), str(known["text"] or ""), None)
        return Worded(*plain, language, failed)

    def _by(
        self, environment: SandboxedEnvironment, name: str, language: str, known: Mapping[str, Any]
    ) -> tuple[str, str, str | None] | None:
        stems = [f"{name}.{language}", f"{name}.{self._language}", name]
        if environment is self._built_in:
            stems.append("notice")
        stem = next((one for one in stems if self._source(environment, f"{one}.txt")), None)
        if stem is None:
            return None
        subject, text = split(render(environment, f"{stem}.txt", known), f"{stem}.txt")
        subject = subject or one_line(str(known["subject"] or ""))
        html = None
        if self._source(environment, f"{stem}.html"):
            html = render(environment, f"{stem}.html", {**known, "subject": subject})
        elif name in TO_CUSTOMERS:
            blocks = {"language": language, "subject": subject, "blocks": _blocks(text)}
            html = render(self._built_in, "layout.html", blocks)
        return subject, text, html

    @staticmethod
    def _source(environment: SandboxedEnvironment | None, file: str) -> bool:
        if environment is None or environment.loader is None:
            return False
        try:
            environment.loader.get_source(environment, file)
        except (jinja2.TemplateNotFound, OSError):
            return False
        except UnicodeDecodeError:
            return True  # it is there, and fails when it is read
        return True


def make_environment(folder: Path) -> SandboxedEnvironment:
    """Where templates of a folder run: they reach nothing but what they are given."""
    environment = SandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"quoted": quoted, "lines": lines}
    return environment


def render(environment: SandboxedEnvironment, file: str, values: Mapping[str, Any]) -> str:
    """What a file gives. Raises TemplateFailedError."""
    parts: list[str] = []
    size = 0
    try:
        for part in environment.get_template(file).generate(values):
            parts.append(part)
            size += len(part)
            if size > MAX_RENDERED:
                break
    except Exception as error:
        raise TemplateFailedError(f"{file}: {error}") from error
    if size > MAX_RENDERED:
        raise TemplateFailedError(f"{file}: it gives more than {MAX_RENDERED} characters")
    return "".join(parts)


def split(rendered: str, file: str) -> tuple[str, str]:
    """Subject and text of what was rendered. Raises TemplateFailedError without a subject."""
    found = _SUBJECT.match(rendered)
    if found is None:
        raise TemplateFailedError(f'{file}: it does not begin with "Subject: …"')
    tidy = re.sub(r"\n{3,}", "\n\n", found["text"].strip("\n"))
    return one_line(found["subject"]), f"{tidy}\n"


def quoted(text: str) -> str:
    """Every line behind a `>`."""
    return "\n".join(f"> {line}".rstrip() if not line.startswith(">") else f">{line}" for line in text.splitlines())


def lines(text: str) -> Markup:
    """The text for HTML, its lines kept."""
    return Markup("<br>\n").join(escape(line) for line in text.split("\n"))


def _blocks(text: str) -> list[Mapping[str, Any]]:
    """Paragraphs and quotes, as an HTML page shows them."""
    found: list[Mapping[str, Any]] = []
    for is_quoted, group in groupby(text.strip("\n").split("\n"), key=lambda line: line.startswith(">")):
        whole = "\n".join(re.sub(r"^> ?", "", line) if is_quoted else line for line in group)
        paragraphs = [whole] if is_quoted else re.split(r"\n{2,}", whole)
        found += [{"quoted": is_quoted, "text": one.strip("\n")} for one in paragraphs if one.strip()]
    return found
