"""What a server sends is read the same however its bytes are split, and never beyond its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.connectors.imap_wire import TooLarge, _Bounds


class Pieces:
    """A socket from which pieces come; then it is closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def recv(self, size: int) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]


class Wire(_Bounds):
    def __init__(self, pieces: list[bytes], answer: float = 60.0) -> None:
        self.held = bytearray()
        self._answer_seconds = answer
        self.sock = Pieces([piece for piece in pieces if piece])  # type: ignore[assignment]
        self.allow(0)


lines = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b" ") + b"\r\n")


@given(st.lists(st.tuples(lines, st.binary(max_size=40)), max_size=8), st.lists(st.integers(1, 30), max_size=60))
def test_lines_and_literals_come_out_as_they_went_in(said: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + literal for line, literal in said)
    pieces = []
    for cut in cuts:
        pieces.append(stream[:cut])
        stream = stream[cut:]
    wire = Wire([*pieces, stream])
    assert [(wire.readline(), wire.read(len(literal))) for _, literal in said] == said
    assert wire.readline() == b""


@given(st.binary(min_size=1, max_size=50).filter(lambda text: b"\n" not in text))
def test_a_line_that_is_cut_off_is_none(text: bytes) -> None:
    assert Wire([text]).readline() == b""
    assert Wire([text]).read(len(text) + 1) == b""


def test_a_literal_beyond_what_was_allowed_is_not_read() -> None:
    wire = Wire([b"x" * 100])
    wire.allow(1_000)
    with pytest.raises(TooLarge, match="more bytes than it said"):
        wire.read(5_000_000_000)


def test_answers_may_take_as_long_as_they_are_allowed_to() -> None:
    wire = Wire([b"x", b"\r\n"], answer=-1.0)
    with pytest.raises(TimeoutError, match="takes too long"):
        wire.readline()
    wire.allow(0, seconds=60)
    assert wire.readline() == b"x\r\n"
