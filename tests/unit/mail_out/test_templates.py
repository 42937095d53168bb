"""How mails are worded: in each language, by the desk's own templates, and in any case."""

from pathlib import Path

import pytest

from pipeline.dispatch.mail.template_check import check_folder
from pipeline.dispatch.mail.templates import BUILT_IN, Templates
from pipeline.dispatch.mail.vocabulary import NAMES, TO_CUSTOMERS, example
from pipeline.dispatch.mail.words import LANGUAGES, words_of


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_mail_has_words_in_every_language(name: str, language: str) -> None:
    worded = Templates(None, "en").word(name, language, example(name))
    assert worded.failed is None
    assert worded.subject
    assert "{" not in worded.subject + worded.text
    assert (worded.html is not None) == (name in TO_CUSTOMERS)
    if worded.html:
        assert f'<html lang="{language}">' in worded.html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_leaves_no_trace(name: str, language: str) -> None:
    worded = Templates(None, "en").word(
        name, language, {"subject": "Printer", "text": "Hello", "desk": {"name": "Contoso"}}
    )
    assert worded.failed is None
    if name not in {"sla_warned", "sla_breached", "article", "webhook_disabled"}:  # which are always about something
        assert "None" not in worded.subject + worded.text


def test_every_language_says_each_thing_in_its_own_words() -> None:
    for name in words_of("en").keys() - {"date", "case", "deadline"}:
        assert len({words_of(language)[name] for language in LANGUAGES}) == len(LANGUAGES), name


def test_the_language_wished_for_first_that_there_is() -> None:
    templates = Templates(None, "de")
    assert templates.choose("reply", None, "pt-BR") == "pt"
    assert templates.choose("reply", "nl", "FR") == "fr"
    assert templates.choose("reply", None, None) == "de"
    assert Templates(None, "nl").choose("reply") == "en"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        kind = "html" if name.endswith("_html") else "txt"
        (folder / f"{name.removesuffix('_html').replace('__', '.')}.{kind}").write_text(text, "utf-8")
    return folder


def test_the_desks_own_words_in_that_language_then_in_the_desks_then_in_any(tmp_path: Path) -> None:
    write(
        tmp_path, reply__fr="Subject: F\n\n{{ text }}", reply__de="Subject: D\n\n{{ text }}", storm="Subject: any\n\nx"
    )
    templates = Templates(tmp_path, "de")
    assert templates.word("reply", "fr", example("reply")).subject == "F"
    assert templates.word("reply", "it", example("reply")).subject == "D"
    assert templates.word("storm", "it", example("storm")).subject == "any"
    assert templates.word("acknowledgement", "it", example("acknowledgement")).subject == words_of("it")["received"]


def test_a_language_that_only_the_desk_speaks(tmp_path: Path) -> None:
    templates = Templates(write(tmp_path, reply__nl="Subject: Antwoord\n\n{{ text }}"), "en")
    assert templates.choose("reply", "nl") == "nl"
    assert templates.choose("acknowledgement", "nl") == "en"


def test_a_template_that_fails_costs_its_words_and_not_the_mail(tmp_path: Path) -> None:
    write(
        tmp_path, reply="Subject: {{ subjekt }}\n\n{{ text }}", storm="Subject: x\n\n{{ 1 / 0 }}", notice="no subject"
    )
    templates = Templates(tmp_path, "en")
    for name, says in (("reply", "subjekt"), ("storm", "division"), ("notice", "Subject")):
        worded = templates.word(name, "en", {"subject": "Printer", "text": "Turn it on."})
        assert worded.subject == "Printer"
        assert "Turn it on." in worded.text
        assert worded.failed is not None
        assert says in worded.failed


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ words.case.format.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{% for a in range(99999999) %}x{% endfor %}",
        "{{ 'x' * 2000000 }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../etc/passwd' %}",
        "{{ '{0.__class__.__init__.__globals__}'.format(desk) }}",
    ],
)
def test_a_template_reaches_nothing_but_what_it_is_given(attack: str, tmp_path: Path) -> None:
    templates = Templates(write(tmp_path, reply=f"Subject: x\n\n{attack}"), "en")
    worded = templates.word("reply", "en", {"subject": "Printer", "text": "Turn it on."})
    assert worded.failed is not None
    assert worded.text.startswith("Turn it on.")


def test_what_a_customer_wrote_is_no_template_and_no_html() -> None:
    values = {**example("reply"), "text": "{{ 7 * 7 }} <script>alert(1)</script> {case}", "subject": "{{ x }}"}
    worded = Templates(None, "en").word("reply", "en", values)
    assert worded.subject == "{{ x }}"
    assert "{{ 7 * 7 }} <script>" in worded.text
    assert worded.html is not None
    assert "<script>" not in worded.html
    assert "&lt;script&gt;" in worded.html


def test_the_built_in_templates_pass_the_check(tmp_path: Path) -> None:
    for file in BUILT_IN.glob("*.txt"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    assert check_folder(tmp_path) == []


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("Subject: x\n\n{{ custommer }}", 3, "reply knows no custommer;"),
        ("Subject: x\n\nDear {{ contact.nam }}", 3, "did you mean contact.name?"),
        ("Subject: x\n\n\n{% if text %}", 4, "this is no Jinja"),
        ("Subject: x\n\n{{ text | shout }}", 3, "No filter named 'shout'"),
        ("Hello {{ text }}", 1, 'does not begin with "Subject: …"'),
        ("Subject: x\n\n{{ text }}\n{{ 1 / 0 }}", 4, "division by zero"),
        ("Subject: x\n\n{{ case['nummer'] }}", 3, "did you mean case.number?"),
        ("Subject: x\n\n{{ kpi }}", 3, "reply knows no kpi"),
    ],
)
def test_a_fault_is_found_with_its_line(source: str, line: int, says: str, tmp_path: Path) -> None:
    write(tmp_path, reply__de=source)
    [fault] = check_folder(tmp_path)
    assert str(fault).startswith(f"{tmp_path / 'reply.de.txt'}:{line}: ")
    assert says in fault.says


def test_names_of_its_own_are_no_fault(tmp_path: Path) -> None:
    own = "Subject: x\n\n{% set greeting = 'Hello' %}{{ greeting }}{% for word in text.split() %}{{ word }}{% endfor %}"
    assert check_folder(write(tmp_path, reply=own, reply_html="<p>{{ text | lines }}</p>")) == []


def test_a_file_that_is_no_template_is_told(tmp_path: Path) -> None:
    write(tmp_path, repply="Subject: x\n\nx")
    (tmp_path / "reply.de_DE.txt").write_bytes(b"x")
    (tmp_path / "storm.txt").write_bytes(b"Subject: \xff\n\nx")
    assert [(fault.file.name, fault.says[:20]) for fault in check_folder(tmp_path)] == [
        ("reply.de_DE.txt", "is no template: writ"),
        ("repply.txt", "is no template: writ"),
        ("storm.txt", "is not UTF-8: 'utf-8"),
    ]
    assert "did you mean reply?" in check_folder(tmp_path)[1].says
    assert check_folder(tmp_path / "nowhere")[0].says == "there is no such folder of templates"
