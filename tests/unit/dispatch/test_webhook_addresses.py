"""Webhooks go to public addresses only, however an address is written or looked up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinks import Sink, listening

from pipeline.dispatch.webhooks.sending import Answer, Post, Sender
from pipeline.domain.public_addresses import why_not_public
from pipeline.domain.webhook_urls import BadUrl, read_url
from pipeline.egress import NoAddress

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POST = Post("e1", b"{}", "application/json", ["whsec_c2VjcmV0"])

NAMES = {
    "metadata.example": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "inside.example": ["10.1.2.3"],
    "both.example": ["93.184.216.34", "192.168.0.7"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "six.example": ["fd00::7"],
    "xn--lclhost-1wa.example": ["127.0.0.1"],
}

REFUSED = [
    ("http://127.0.0.1/", "127.0.0.1 is loopback"),
    ("http://127.8.9.10:8080/", "127.8.9.10 is loopback"),
    ("http://10.0.0.5/", "10.0.0.5 is private"),
    ("http://172.31.255.1/", "172.31.255.1 is private"),
    ("http://192.168.1.1/", "192.168.1.1 is private"),
    ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is link-local"),
    ("http://100.64.0.1/", "100.64.0.1 is shared by customers of a carrier"),
    ("http://0.0.0.0:8080/", "0.0.0.0 is unspecified"),
    ("http://224.0.0.1/", "224.0.0.1 is multicast"),
    ("http://255.255.255.255/", "255.255.255.255 is broadcast"),
    ("http://198.18.0.1/", "198.18.0.1 is for benchmarks"),
    ("http://192.0.0.8/", "192.0.0.8 is reserved for protocols"),
    ("http://[::1]/", "::1 is loopback"),
    ("http://[::]/", ":: is unspecified"),
    ("http://[::ffff:127.0.0.1]/", "is IPv4-mapped"),
    ("http://[::ffff:7f00:1]/", "is IPv4-mapped"),
    ("http://[::127.0.0.1]/", "is IPv4-compatible"),
    ("http://[fe80::1]/", "fe80::1 is link-local"),
    ("http://[fd12:3456::1]/", "fd12:3456::1 is private"),
    ("http://[fec0::1]/", "fec0::1 is site-local"),
    ("http://[ff02::1]/", "ff02::1 is multicast"),
    ("http://[64:ff9b::7f00:1]/", "is a NAT64 translation"),
    ("http://[2002:7f00:1::]/", "is a 6to4 tunnel"),
    ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "is a Teredo tunnel"),
    ("http://[4000::1]/", "is reserved"),
    ("http://[fe80::1%25eth0]/", "names an interface"),
    ("http://2130706433/", "is not written as four decimal numbers"),
    ("http://0177.0.0.1/", "is not written as four decimal numbers"),
    ("http://0x7f.1/", "is not written as four decimal numbers"),
    ("http://0x7f000001/", "is not written as four decimal numbers"),
    ("http://127.1/", "is not written as four decimal numbers"),
    ("http://127.0.0.1./", "ends with a dot"),
    ("http://metadata.example./", "ends with a dot"),
    ("http://localhost/", "is loopback"),
    ("http://metadata.example/", "metadata.example leads to 169.254.169.254"),
    ("http://127.0.0.1.nip.example/", "leads to 127.0.0.1"),
    ("http://inside.example/", "leads to 10.1.2.3"),
    ("http://both.example/", "both.example leads to 192.168.0.7"),
    ("http://mapped.example/", "is IPv4-mapped"),
    ("http://six.example/", "fd00::7 is private"),
    ("http://xn--lclhost-1wa.example/", "leads to 127.0.0.1"),
    ("http://\u2460\u2461\u2466.0.0.1/", "letters beyond ASCII"),
    ("http://l\u00f2calhost/", "letters beyond ASCII"),
    ("http://127\u3002\uff10.0.1/", "letters beyond ASCII"),
    ("http://user:secret@hooks.example/", "a user or a password"),
    ("http://hooks.example@127.0.0.1/", "a user or a password"),
    ("http://hooks.example\\@127.0.0.1/", "backslashes"),
    ("http://hooks.example\t.evil/", "control characters"),
    ("http://hooks.example /", "blanks"),
    ("file:///etc/passwd", "its scheme is file"),
    ("gopher://hooks.example:70/", "its scheme is gopher"),
    ("ftp://hooks.example/", "its scheme is ftp"),
    ("//hooks.example/", "its scheme is missing"),
    ("http:///path", "names no host"),
    ("http://hooks.example:25/", "port 25 belongs to another service"),
    ("http://hooks.example:22/", "port 22 belongs to another service"),
    ("http://hooks.example:99999/", "cannot be read"),
    ("http://hooks.example/#part", "a fragment"),
    ("http://-hooks.example/", "is no name of a host"),
    ("http://hooks..example/", "is no name of a host"),
    ("http://" + "a" * 64 + ".example/", "is no name of a host"),
    ("http://hooks.example/" + "a" * 2048, "longer than 2048"),
]


async def look_up(host: str, port: int) -> Sequence[str]:
    """What names lead to; an address leads to itself, as everywhere."""
    del port
    if host == "localhost":
        return ["127.0.0.1"]
    if host in NAMES:
        return NAMES[host]
    if why_not_public(host, ("0.0.0.0/0", "::/0")) is None:
        return [host]
    raise NoAddress(f"{host} has no address", final=True)


async def posted(url: str, sender: Sender) -> Answer:
    try:
        return await sender.post(url, POST, NOW)
    finally:
        await sender.close()


@pytest.mark.parametrize(("url", "reason"), REFUSED, ids=[url[:60] for url, _ in REFUSED])
def test_what_is_not_public_is_not_called(url: str, reason: str) -> None:
    answer = asyncio.run(posted(url, Sender(resolving=look_up)))
    assert (answer.delivered, answer.status, answer.reason) == (False, None, "refused")
    assert answer.error.startswith("not called: ")
    assert reason in answer.error


def test_the_networks_that_the_desk_allows_are_called() -> None:
    async def story() -> None:
        async with listening(Sink()) as sink:
            answer = await posted(sink.url, Sender(("127.0.0.0/8",)))
            assert (answer.delivered, answer.status) == (True, 200)
            refused = await posted(sink.url, Sender(("10.0.0.0/8",)))
            assert refused.reason == "refused"

    asyncio.run(story())


def test_a_name_that_changes_its_mind_is_asked_once_and_called_where_it_led() -> None:
    async def story() -> None:
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> Sequence[str]:
            del port
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        async with listening(Sink()) as sink:
            port = sink.address.rpartition(":")[2]
            sender = Sender(("127.0.0.1/32",), resolving=rebinding)
            for _ in range(3):
                answer = await sender.post(f"http://rebinding.example:{port}/x", POST, NOW)
                assert answer.delivered
            assert asked == ["rebinding.example"]
            assert {one.headers["host"] for one in sink.received} == {f"rebinding.example:{port}"}
            await sender.close()
            again = await posted(f"http://rebinding.example:{port}/x", sender)
            assert again.error.startswith("not called: rebinding.example leads to 169.254.169.254")

    asyncio.run(story())


def test_a_redirect_is_a_failure_wherever_it_leads() -> None:
    async def story() -> None:
        async with listening(Sink(lambda _: 302)) as sink:
            answer = await posted(sink.url, Sender(("127.0.0.0/8",)))
            assert answer.status == 302
            assert answer.error == "302 leads to http://127.0.0.1:1/; redirects are not followed"
            assert len(sink.received) == 1

    asyncio.run(story())


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "1.1.1.1"])
def test_public_addresses_are_public(address: str) -> None:
    assert why_not_public(address) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address))
def test_no_address_is_public_that_python_knows_to_be_private(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global:
        assert why_not_public(str(address)) is not None


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        endpoint = read_url(text)
    except BadUrl:
        return
    assert endpoint.host.isascii()


@given(st.sampled_from(["http", "https"]), st.from_regex(r"[a-z0-9.:@\[\]%\\_-]{1,30}", fullmatch=True))
def test_a_host_that_is_read_is_one_that_no_other_program_reads_otherwise(scheme: str, authority: str) -> None:
    import httpx  # noqa: PLC0415  # another reader of addresses

    try:
        endpoint = read_url(f"{scheme}://{authority}/")
    except BadUrl:
        return
    assert httpx.URL(f"{scheme}://{authority}/").host == endpoint.host
