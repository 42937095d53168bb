"""Only what our own mail server wrote about a sender is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.speaker import read_verdict
from pipeline.parse.authentication_results import ANY, Results, authentication_results

OURS = "mx.desk.example"


def verdict(header: str, authserv: str = OURS) -> str | None:
    found = authentication_results(header.replace("\n", "\r\n").encode() + b"\r\n\r\nbody", authserv)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            """Authentication-Results: mx.desk.example;
 spf=pass smtp.mailfrom=a.example;
	dkim=fail (bad; signature) header.d=a.example; dkim=pass header.d=b.example;
 dmarc=pass (p=REJECT sp=NONE dis=NONE) header.from=a.example""",
            "spf=pass; dkim=pass; dmarc=pass; policy=reject",
        ),
        (
            'Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom="b@A.ex"; dkim=pass header.i=@b.ex',
            "spf=pass; dkim=pass; dmarc=none; policy=none; of=a.ex b.ex",
        ),
        ("Authentication-Results: MX.desk.example 1; dmarc=fail", "spf=none; dkim=none; dmarc=fail; policy=none"),
        ("Authentication-Results: mx.desk.example; none", "spf=none; dkim=none; dmarc=none; policy=none"),
        (
            """Authentication-Results: mx.desk.example; spf=softfail
Authentication-Results: mx.desk.example; dmarc=fail""",
            "spf=softfail; dkim=none; dmarc=fail; policy=none",
        ),
        (
            "Authentication-Results: (a comment) mx.desk.example; dmarc=pass",
            "spf=none; dkim=none; dmarc=pass; policy=none",
        ),
    ],
)
def test_what_our_server_found_is_read(header: str, expected: str) -> None:
    assert verdict(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "Subject: none",
        "Authentication-Results: mx.evil.example; dmarc=pass",
        "Authentication-Results: mx.desk.example.evil.example; dmarc=pass",
        "Authentication-Results: evil (mx.desk.example); dmarc=pass",
        "X-Authentication-Results: mx.desk.example; dmarc=pass",
        "Subject: Authentication-Results: mx.desk.example; dmarc=pass",
    ],
)
def test_what_others_found_is_not(header: str) -> None:
    assert verdict(header) is None


def test_what_stood_in_the_mail_before_our_server_had_it_is_not_believed() -> None:
    header = (
        "Authentication-Results: mx.desk.example; dmarc=fail\n"
        "Received: from evil.example by mx.desk.example\n"
        "Authentication-Results: mx.desk.example; dmarc=pass; dkim=pass"
    )
    assert verdict(header) == "spf=none; dkim=none; dmarc=fail; policy=none"


def test_a_result_within_quotes_or_a_comment_is_none() -> None:
    header = 'Authentication-Results: mx.desk.example; spf=fail reason="x; dmarc=pass" (y; dkim=pass)'
    assert verdict(header) == "spf=fail; dkim=none; dmarc=none; policy=none"


def test_a_server_that_writes_no_name_is_taken_by_its_place() -> None:
    header = "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=a.example; dmarc=pass"
    assert verdict(header) is None
    assert verdict(header, ANY) == "spf=pass; dkim=none; dmarc=pass; policy=none"


@given(st.binary(max_size=300), st.sampled_from([OURS, ANY]))
def test_any_bytes_yield_a_verdict_or_none(tail: bytes, authserv: str) -> None:
    found = authentication_results(b"Authentication-Results: mx.desk.example;" + tail, authserv)
    assert isinstance(found, Results | None)
    assert read_verdict(str(found)).dmarc in {"pass", "fail", "none", "temperror"}
