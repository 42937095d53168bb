"""Whom a forward is from in truth: the first sender inside it."""

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Address

RUI = Address("Rui Costa", "rui@acme.example")
GMAIL = "---------- Forwarded message ---------\nFrom: {rui}\nDate: Mon, Mar 2\nSubject: x\nTo: <a@b.example>"


def forwarded(text: str, subject: str = "Printer") -> Address | None:
    text = text.replace("{rui}", "Rui Costa <rui@acme.example>")
    raw = f"From: ana@desk.example\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    return parse_email(raw.encode(), with_html=False, with_reply=False).forwarded


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Fwd: Printer", GMAIL),
        ("Printer", "please take this\n\n" + GMAIL),
        (
            "WG: Drucker",
            "Bitte übernehmen.\n\nVon: Rui Costa [mailto:rui@acme.example]\nGesendet: Montag\nAn: Ana\nBetreff: D",
        ),
        ("TR : imprimante", "De : {rui}\nEnvoyé : lundi 2 mars 2026\nÀ : Ana\nObjet : x"),
        ("RV: impresora", "________________________________\n*De:* {rui}\n*Enviado:* lunes\n*Para:* A"),
        ("I: stampante", "Da: {rui}\nInviato: lunedì\nA: Ana\nOggetto: x"),
        ("ENC: impressora", "De: {rui}\nEnviada em: segunda\nPara: Ana\nAssunto: x"),
        ("Doorst: printer", "Van: {rui}\nVerzonden: maandag\nAan: Ana\nOnderwerp: x"),
        ("PD: drukarka", "Od: {rui}\nWysłano: poniedziałek\nDo: Ana\nTemat: x"),
        ("VS: printer", "Fra: {rui}\nSendt: mandag\nTil: Ana\nEmne: x"),
        ("VB: skrivare", "Från: {rui}\nSkickat: måndag\nTill: Ana\nÄmne: x"),
        ("转发: 打印机", "发件人: {rui}\n发送时间: 2026年3月2日\n收件人: Ana\n主题: x"),
        ("転送: x", "差出人: {rui}\n送信日時: 2026/03/02\n宛先: Ana\n件名: x"),
        ("Fwd: Printer", "Begin forwarded message:\n\n> From: {rui}\n> Subject: x\n> Date: 2 March\n"),
        (
            "Printer",
            "-------- Weitergeleitete Nachricht --------\nBetreff: \tx\nDatum: \tMon\nVon: \t{rui}",
        ),
        ("Fw: Printer", '----- Forwarded Message -----\nFrom: "Rui Costa" <rui@acme.example>\nTo: Ana\nSent: Mon'),
        ("[desk] FW: Printer", "From: Rui Costa\n <rui@acme.example>\nSent: Monday\nTo: Ana\nSubject: x"),
        ("Printer (fwd)", "From: {rui}\nDate: Mon, 2 Mar 2026\nSubject: x"),
        ("Fwd: Printer", "On Mon, 2 Mar 2026 at 10:00, {rui} wrote:\n> hello"),
        ("Printer", "From: {rui}\nSent: Monday 10:00\nTo: Ana\nSubject: x\n\nhello"),
    ],
)  # fmt: skip
def test_the_first_sender_inside_is_told(subject: str, text: str) -> None:
    found = forwarded(text, subject)
    assert found is not None
    assert found.address == RUI.address
    assert found.name == ("" if "wrote:" in text else RUI.name)


def test_of_a_chain_of_forwards_the_first_counts() -> None:
    assert forwarded(GMAIL + "\n\n" + GMAIL.replace("{rui}", "eve@evil.example"), "Fwd: Fwd: Printer") == RUI


def test_an_attached_mail_is_a_forward() -> None:
    raw = (
        b"Subject: see\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Rui Costa <rui@acme.example>\r\n\r\nhi\r\n--b--"
    )
    assert parse_email(raw).forwarded == RUI


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Printer", "Yes.\n\nFrom: {rui}\nSent: Monday\nTo: Ana\nSubject: x"),
        ("Re: Printer", "-----Original Message-----\nFrom: {rui}\nSent: Monday\nTo: Ana"),
        ("Re: Printer", "Yes.\n\nOn Mon, 2 Mar 2026 at 10:00, {rui} wrote:\n> hello"),
        ("Printer", "hello\n-----\nAna"),
        ("Re: Printer (fwd)", "Yes.\n\nOn Mon, 2 Mar 2026 at 10:00, {rui} wrote:\n> hello"),
        ("Fwd: Printer", "look"),
        ("Fwd: Printer", "From: Rui\nSent: Monday 10:00\nTo: Ana\nSubject: x"),
        ("I: want", "a mail"),
    ],
)
def test_what_is_no_forward_names_nobody(subject: str, text: str) -> None:
    assert forwarded(text, subject) is None


def test_a_returned_mail_is_none() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; "
        b"boundary=b\r\n\r\n"
        b"--b\r\n\r\nfailed\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: rui@acme.example\r\n\r\nx\r\n--b--"
    )
    assert parse_email(raw).forwarded is None
