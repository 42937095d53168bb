"""What a proxy says about its client, and what it may not."""

import asyncio
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from pipeline.connectors.proxy_protocol import Peer, read_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ports = st.integers(0, 65535)
addresses = st.ip_addresses()


def read(data: bytes) -> tuple[Peer | None, bytes]:
    """What the header says, and what is left behind it."""
    left = bytearray(data)

    async def receive(size: int) -> bytes:
        if len(left) < size:
            raise EOFError
        taken = bytes(left[:size])
        del left[:size]
        return taken

    return asyncio.run(read_header(receive)), bytes(left)


@given(addresses, ports, st.binary(max_size=20))
def test_version_1_says_who_it_is_and_takes_nothing_else(address: object, port: int, after: bytes) -> None:
    family = f"TCP{ip_address(str(address)).version}"
    header = f"PROXY {family} {address} {address} {port} 25\r\n".encode()

    assert read(header + after) == ((str(address), port), after)


@given(addresses, ports, st.binary(max_size=40), st.binary(max_size=20))
def test_version_2_says_who_it_is_and_takes_nothing_else(
    address: object, port: int, extensions: bytes, after: bytes
) -> None:
    packed = ip_address(str(address)).packed
    rest = packed * 2 + port.to_bytes(2) + b"\0\x19" + extensions
    kind = b"\x11" if len(packed) == 4 else b"\x21"
    header = SIGNATURE + b"\x21" + kind + len(rest).to_bytes(2) + rest

    assert read(header + after) == ((str(address), port), after)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda data: SIGNATURE + data),
        st.binary(max_size=200).map(lambda data: b"PROXY " + data),
        st.text("TCP46UNKNOW 0123456789.:\r\n", max_size=120).map(lambda text: f"PROXY {text}".encode()),
    )
)
def test_anything_else_is_no_header(data: bytes) -> None:
    try:
        peer, _ = read(data)
    except (ValueError, EOFError):
        return
    assert peer is None or ip_address(peer[0])
