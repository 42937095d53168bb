"""The pure pieces of the supervisor: how long it waits, what it overlays, what it verifies, what it says."""

import hashlib
from pathlib import Path

import pytest

from pipeline.config import parse_config
from pipeline.embedded import addresses, folder, jars, logs
from pipeline.embedded.addresses import Listens, Ports
from pipeline.embedded.backoff import Backoff
from pipeline.embedded.postgres import socket_folder
from pipeline.errors import Stop

PORTS = Ports(kafka=1, controller=2, mqtt=3)
LISTENS = Listens(smtp="127.0.0.1:25", http="127.0.0.1:80")


def test_the_wait_doubles_up_to_ten_seconds() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_a_long_life_resets_the_wait() -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.after(1)
    assert [backoff.after(11), backoff.after(1)] == [0.2, 0.4]


def test_everything_embedded_is_overlaid_and_reads_as_a_configuration(tmp_path: Path) -> None:
    changes = addresses.overlay(parse_config(""), tmp_path, LISTENS, ports=PORTS, dsn="host=/run")
    config = parse_config("", changes)
    assert (config.kafka.servers, config.postgres.dsn, config.mqtt.url) == (
        "127.0.0.1:1",
        "host=/run",
        "mqtt://127.0.0.1:3",
    )
    assert (config.smtp.listen, config.http.listen) == (LISTENS.smtp, LISTENS.http)
    assert config.blobs.url == str(tmp_path / "blobs")
    addresses.ensure_secret(tmp_path)
    assert len(config.desk.keys()[0]) >= 32
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_servers_and_secrets_of_your_own_are_not_overlaid(tmp_path: Path) -> None:
    text = """
    desk.secret = "0123456789abcdef"
    kafka.servers = "kafka:9092"
    postgres.dsn = "host=db"
    mqtt.url = "mqtt://broker"
    blobs.url = "/srv/blobs"
    mail.maildir = "/srv/mail"
    """
    changes = addresses.overlay(parse_config(text), tmp_path, LISTENS, ports=PORTS, dsn="host=/run")
    assert set(changes) == {"smtp", "http"}


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    addresses.ensure_secret(tmp_path)
    first = (tmp_path / "secret").read_text()
    addresses.ensure_secret(tmp_path)
    assert (tmp_path / "secret").read_text() == first


def test_addresses_of_last_time_are_forgotten_but_not_the_configuration_file(tmp_path: Path) -> None:
    addresses.publish(tmp_path, Path("/etc/desk.toml"), {"kafka": {"servers": "x:1"}})
    assert addresses.forget(tmp_path) == Path("/etc/desk.toml")
    assert (tmp_path / "addresses.json").read_bytes() == b'{"config":"/etc/desk.toml","overlay":{}}'


def test_ports_stay_the_same_while_they_are_free(tmp_path: Path) -> None:
    first = addresses.choose_ports(tmp_path)
    assert addresses.choose_ports(tmp_path) == first
    assert len({first.kafka, first.controller, first.mqtt}) == 3


def test_jars_that_are_missing_or_changed_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "whole.jar").write_bytes(b"whole")
    (tmp_path / "changed.jar").write_bytes(b"other")
    digest = hashlib.sha256(b"whole").hexdigest()
    wanted = {"whole.jar": digest, "changed.jar": digest, "missing.jar": digest}
    assert jars.damaged(tmp_path, wanted) == ["changed.jar", "missing.jar"]


def test_the_checksums_name_every_jar_of_the_class_path() -> None:
    wanted = jars.checksums()
    assert len(wanted) == 46
    assert {"kafka_2.13-4.3.0.jar", "kafka-clients-4.3.0.jar", "slf4j-simple-1.7.36.jar"} <= set(wanted)
    assert all(len(digest) == 64 for digest in wanted.values())


def test_data_that_was_never_made_is_to_be_made(tmp_path: Path) -> None:
    assert not folder.finish_creation(tmp_path / "kafka", tmp_path / "postgres")


def test_data_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "kafka.new").mkdir()
    assert not folder.finish_creation(tmp_path / "kafka", tmp_path / "postgres")
    assert list(tmp_path.iterdir()) == []


def test_data_that_was_made_but_half_named_gets_its_names(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "postgres.new").mkdir()
    assert folder.finish_creation(tmp_path / "kafka", tmp_path / "postgres")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kafka", "postgres"]


@pytest.mark.parametrize("left", ["kafka", "postgres"])
def test_one_data_folder_without_the_other_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir()
    with pytest.raises(Stop, match=f"{left} is there but .* is missing"):
        folder.finish_creation(tmp_path / "kafka", tmp_path / "postgres")


def test_nobody_holds_a_folder_after_its_supervisor_ended(tmp_path: Path) -> None:
    assert folder.holder(tmp_path) is None
    with folder.locked(tmp_path):
        assert folder.holder(tmp_path) is not None
    assert folder.holder(tmp_path) is None


def test_a_disk_that_fills_up_is_told_and_a_full_one_refused() -> None:
    gigabyte = 2**30
    assert folder.judge_space(gigabyte, 4 * gigabyte) is None
    assert folder.judge_space(gigabyte, 10 * gigabyte) == (
        "the disk has 1024 MB free (10%); under 15% new messages are sent away for later, make room."
    )
    with pytest.raises(Stop, match=r"the disk has 10 MB free .*; at least 200 MB are needed, make room"):
        folder.judge_space(10 * 2**20, gigabyte)


def test_the_last_line_of_a_log_is_no_stack_frame(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("starting\nException: no such option\n\tat a.b(C.java:1)\n\n")
    assert logs.last_line(log) == "Exception: no such option"
    log.write_text("╭ Error ─╮\n│ No such command. │\n╰────────╯\n")
    assert logs.last_line(log) == "No such command."
    assert logs.last_line(tmp_path / "none") == "it said nothing"


def test_a_log_that_grew_too_large_is_moved_aside_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as writer:
        writer.truncate(logs.LIMIT + 1)
        logs.rotate(log)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "log.1").stat().st_size == logs.LIMIT + 1


def test_a_deep_data_folder_has_its_socket_in_a_short_one(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/desk/postgres")) == Path("/srv/desk/run")
    deep = tmp_path / ("d" * 100) / "postgres"
    assert len(str(socket_folder(deep))) < 60
    assert socket_folder(deep) == socket_folder(deep)


def test_a_deep_folder_for_temporary_files_does_not_hold_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 100)))
    assert len(str(socket_folder(tmp_path / ("d" * 100) / "postgres"))) < 60
