"""What an exchange wrote is cut into records, whatever it wrote."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.connectors.call_records import cutter_for
from pipeline.connectors.followed import Followed

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FILE = Followed(Path("calls.json"), 1, 2, position=0, settled=0, size=0, changed=0.0, head="", head_size=0)


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 5000])
def test_an_endless_number_stops_no_file(number: str) -> None:
    """Python refuses to read more than 4,300 digits; the directory must go on, and the reader tell what is wrong."""
    whole = f'[{{"variables":{{"uuid":"a"}},"seconds":{number}}}]\n{{"variables":{{"uuid":"b"}}}}\n'.encode()
    found = cutter_for("freeswitch-json").cut(FILE, whole, b"", NOW)
    assert found.used == len(whole)
    assert [record.raw[:24] for record in found.records] == [b'[{"variables":{"uuid":"a', b'{"variables":{"uuid":"b"']
