"""The conversation key is found in any bytes, and quickly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parse.keys import HEADER_LIMIT, ID_LIMIT, header_ids

PIECES = st.sampled_from(
    [
        b"References:",
        b"In-Reply-To: ",
        b"message-id :",
        b"<",
        b">",
        b"a@b",
        b" ",
        b"\t",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
    ]
)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (b"References: <root@x> <b@x>\r\nIn-Reply-To: <b@x>\r\nMessage-ID: <c@x>", "<root@x>"),
        (b"In-Reply-To: <b@x> (of Monday)\r\nMessage-ID: <c@x>", "<b@x>"),
        (b"references:\r\n\t<root@x>\r\n <b@x>", "<root@x>"),
        (b"Message-Id: <c@x>", "<c@x>"),
        (b"Message-ID: <c\r\n d@x>", "<cd@x>"),
        (b"Message-ID: c@x (bare)", "c@x"),
        (b"Message-ID: <[>", "<[>"),
        (b"Message-ID: <>", "none"),
        (b"References:\r\nIn-Reply-To:\r\nMessage-ID: <c@x>", "<c@x>"),
        (b"X-References: <no@x>\r\nReferences-Too: <no@x>", "none"),
        (b"Subject: Message-ID: <no@x>", "none"),
        (b"Subject: a\r\n\r\nMessage-ID: <body@x>", "none"),
    ],
)
def test_the_root_of_a_conversation(header: bytes, key: str) -> None:
    assert header_ids(header + b"\r\n\r\nbody").conversation("none") == key
    assert header_ids(header.replace(b"\r\n", b"\n") + b"\n\nbody").conversation("none") == key


def test_what_lies_beyond_the_limit_is_not_looked_at() -> None:
    assert header_ids(b"X: " + b"y" * HEADER_LIMIT + b"\r\nMessage-ID: <late@x>\r\n\r\n").message_id is None


def test_a_very_long_id_is_kept_as_its_digest() -> None:
    found = header_ids(b"Message-ID: <" + b"x" * 5000 + b"@x>\r\n\r\n").message_id
    assert found is not None
    assert found.startswith("sha256:")


@given(st.one_of(st.binary(), st.lists(PIECES, max_size=60).map(b"".join)))
def test_any_bytes_have_a_bounded_key(raw: bytes) -> None:
    assert 0 < len(header_ids(raw).conversation("none")) <= ID_LIMIT
