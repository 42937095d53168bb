"""The address of a folder."""

import pytest

from pipeline.config.imap import ImapPlace, imap_place

TLS, PLAIN = True, False


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("imaps://mx.example", ("mx.example", 993, TLS, "me@desk.example", "INBOX")),
        ("imap://mx.example/", ("mx.example", 143, PLAIN, "me@desk.example", "INBOX")),
        (
            "imaps://a%40b.example@mx.example:10993/Team/In%20box",
            ("mx.example", 10993, TLS, "a@b.example", "Team/In box"),
        ),
        ("imaps://ana@[::1]/%C3%9Cber", ("::1", 993, TLS, "ana", "Über")),
    ],
)
def test_it_names_server_user_and_folder(url: str, place: tuple[str, int, bool, str, str]) -> None:
    assert imap_place(url, "me@desk.example") == ImapPlace(*place)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://mx.example", "write it as"),
        ("mx.example", "write it as"),
        ("imaps://", "write it as"),
        ("imaps://mx.example:mail/INBOX", "the port is no number"),
        ("imaps://ana:secret@mx.example/INBOX", "the password does not stand in the address"),
        ("imaps://mx.example/INBOX?search", "write it as"),
    ],
)
def test_what_is_none_is_explained(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        imap_place(url, "me@desk.example")
    assert "secret" not in str(raised.value)
