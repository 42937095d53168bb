"""Which connectors a configuration asks for."""

from pathlib import Path

import pytest

from pipeline.app import CONNECTORS, build_connector, build_publisher, wanted_connectors
from pipeline.config import Config
from pipeline.log import MemoryLog

MASTODON = {"platform": "mastodon", "server": "https://m.example", "access_token": "t"}
PAGE = {"platform": "facebook", "app_secret": "s", "verify_token": "v", "page_id": "1", "access_token": "t"}


@pytest.mark.parametrize(
    ("pages", "wanted"),
    [
        ([], []),
        ([MASTODON], ["mastodon"]),
        ([{"platform": "mastodon"}], []),
        ([PAGE], ["facebook"]),
        ([{**PAGE, "platform": "messenger"}, MASTODON], ["mastodon", "facebook"]),
        ([{"platform": "facebook", "app_secret": "s", "verify_token": "v"}], []),
        ([{"platform": "x", "app_secret": "s", "access_token": "t", "page_id": "1"}], []),
    ],
)
def test_a_platform_is_asked_where_it_can_be(pages: list[dict[str, str]], wanted: list[str], tmp_path: Path) -> None:
    config = Config.model_validate({"social": pages, "blobs": {"url": str(tmp_path)}})
    assert [name for name in wanted_connectors(config) if name in {"mastodon", "facebook"}] == wanted
    assert set(wanted_connectors(config)) <= set(CONNECTORS)
    for name in wanted:
        assert build_connector(name, config, build_publisher(config, MemoryLog())).health.published == 0
