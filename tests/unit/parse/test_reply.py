"""What the author newly wrote, in the ways mail programs quote."""

import pytest

from pipeline.parse.reply import split_reply


@pytest.mark.parametrize(
    "introduction",
    [
        "On Mon, 2 Mar 2026 at 10:00, Rui <rui@acme.example> wrote:",
        "On Mon, 2 Mar 2026 at 10:00, Rui Costa <\nrui@acme.example> wrote:",
        "Am 02.03.2026 um 10:00 schrieb Rui:",
        "Le lun. 2 mars 2026 à 10:00, Rui <rui@acme.example> a écrit :",
        "El lun, 2 mar 2026 a las 10:00, Rui (<rui@acme.example>) escribió:",
        "Il giorno lun 2 mar 2026 alle 10:00 Rui <rui@acme.example> ha scritto:",
        "Rui Costa wrote:",
        "2026-03-02 10:00 GMT+01:00 Rui <rui@acme.example>:",
    ],
)
def test_an_introduced_quote_goes_with_its_introduction(introduction: str) -> None:
    reply, quoted, _ = split_reply(f"It works now.\n\n{introduction}\n\n> does it work?\n> Rui\n")
    assert reply == "It works now."
    assert "does it work?" in quoted
    assert introduction.split("\n", maxsplit=1)[0] in quoted


@pytest.mark.parametrize(
    "separator",
    [
        "-----Original Message-----\nFrom: Rui",
        "-----Ursprüngliche Nachricht-----\nVon: Rui",
        "From: Rui\nSent: Monday\nTo: Ana\nSubject: Printer",
        "________________________________\nVon: Rui\nGesendet: Montag\nAn: Ana\nBetreff: Drucker",
        "*De :* Rui\n*Envoyé :* lundi\n*Objet :* imprimante",
        "---------- Forwarded message ----------\nFrom: Rui",
        "Begin forwarded message:\n\n> From: Rui",
    ],
)
def test_an_earlier_message_without_marks_goes(separator: str) -> None:
    reply, quoted, _ = split_reply(f"See below.\n\n{separator}\n\nold words\n")
    assert reply == "See below."
    assert "old words" in quoted


def test_answers_between_quotes_stay_with_the_quotes_they_answer() -> None:
    text = "On 2 Mar 2026, Rui wrote:\n> one?\n\nYes.\n\n> two?\n\nNo.\n\n> three?"
    assert split_reply(text)[0] == "> one?\n\nYes.\n\n> two?\n\nNo."


def test_an_answer_below_one_introduced_quote_stands_alone() -> None:
    assert split_reply("On 2 Mar 2026, Rui wrote:\n> one?\n> two?\n\nYes to both.")[0] == "Yes to both."


def test_a_message_that_is_only_a_quote_stays_whole() -> None:
    assert split_reply("> only\n> this") == ("> only\n> this", "", "")


@pytest.mark.parametrize(
    "line", ["Sent from my iPhone", "Von meinem Handy gesendet", "Envoyé depuis mon mobile", "Get Outlook for Android"]
)
def test_what_a_device_adds_is_signature(line: str) -> None:
    assert split_reply(f"Fine.\n\n{line}\n") == ("Fine.", "", line)


def test_a_sentence_about_where_it_was_sent_from_is_not() -> None:
    text = "Sent from my desk, which is the wrong one, I know."
    assert split_reply(text)[0] == text


def test_what_follows_the_delimiter_is_signature() -> None:
    assert split_reply("Thanks\n-- \nAna Silva\nAcme") == ("Thanks", "", "-- \nAna Silva\nAcme")


@pytest.mark.parametrize(
    "text", ["On this day I wrote\nsomething: important", "Steps:\n1. From: the menu\n2. Save", "a -- b"]
)
def test_plain_prose_is_left_alone(text: str) -> None:
    assert split_reply(text) == (text, "", "")
