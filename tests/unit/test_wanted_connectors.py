"""Which connectors a configuration asks for."""

from pathlib import Path

import pytest

from pipeline.app import CONNECTORS, build_connector, build_publisher, wanted_channels, wanted_connectors
from pipeline.config import Config
from pipeline.embedded.desk import all_commands
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


def test_only_channels_on_which_something_may_come_are_worked() -> None:
    assert wanted_channels(Config()) == ["email", "web"]
    config = {"phone": [{"name": "pbx"}], "social": [MASTODON], "device_feed": [{"name": "plant", "topics": ["te/#"]}]}
    assert wanted_channels(Config.model_validate(config)) == ["email", "web", "phone", "social", "iot"]


def test_devices_have_a_worker_of_their_own() -> None:
    workers = all_commands(2, [], ["email", "web", "iot"]).workers
    assert workers == {
        "worker-1": ("work", "--slot", "worker-1", "--channels", "email,web"),
        "worker-2": ("work", "--slot", "worker-2", "--channels", "email,web"),
        "worker-iot": ("work", "--slot", "worker-iot", "--channels", "iot"),
    }
    assert "worker-iot" not in all_commands(1, [], ["email", "web", "phone"]).workers
