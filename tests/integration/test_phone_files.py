"""Files that exchanges append to: every record once, whatever is done to the files, and none before the log has it."""

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.phone_files import CallFilesConnector, Pace
from pipeline.connectors.space import FreeSpace
from pipeline.errors import Retry
from pipeline.log import MemoryLog
from pipeline.store.bookmarks import MemoryBookmarks, Place
from pipeline.wire import Envelope
from tests.unit.parse.calls import CDR, cel

PACE = Pace(first_poll=0.05, poll=0.05, first_retry=0.01, longest_retry=0.02)


class Bell:
    """Rings whenever something was published or kept, so that a test waits for events."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def rung(self) -> None:
        self._rung.clear()
        await self._rung.wait()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await self.rung()


class RingingLog(MemoryLog):
    """A log that rings at each attempt."""

    __slots__ = ("bell",)

    async def publish(self, envelope: Envelope) -> None:
        try:
            await super().publish(envelope)
        finally:
            self.bell.ring()


class RingingBookmarks(MemoryBookmarks):
    """Bookmarks that ring when one is kept; `away` makes them refuse as PostgreSQL does when it is gone."""

    def __init__(self, bell: Bell) -> None:
        super().__init__()
        self._bell = bell
        self.away = False

    async def places(self, prefix: str) -> Mapping[str, Place]:
        if self.away:
            raise Retry("PostgreSQL is away")
        return await super().places(prefix)

    async def keep(self, source: str, place: Place, now: datetime) -> None:
        self._bell.ring()
        if self.away:
            raise Retry("PostgreSQL is away")
        await super().keep(source, place, now)

    async def forget(self, source: str) -> None:
        await super().forget(source)
        self._bell.ring()


class Exchange:
    """A directory, the connector that reads it, and what came of it."""

    def __init__(self, folder: Path, format_: str) -> None:
        self.folder = folder / "records"
        self.folder.mkdir(exist_ok=True)
        self._blobs = folder / "blobs"
        self._config = Config.model_validate(
            {
                "desk": {"country": "DE", "timezone": "Europe/Berlin"},
                "phone": [{"name": "pbx", "format": format_, "directory": str(self.folder)}],
            }
        )
        self.bell = Bell()
        self.log = RingingLog()
        self.log.bell = self.bell
        self.bookmarks = RingingBookmarks(self.bell)
        self.later = timedelta(0)
        self.connector = self._connector()

    def _connector(self) -> CallFilesConnector:
        publisher = Publisher(self.log, BlobStore(self._blobs), FreeSpace(self._blobs, 0.1, share=lambda _: 1.0))
        return CallFilesConnector(self._config, publisher, self.bookmarks, lambda: datetime.now(UTC) + self.later, PACE)

    async def restart(self) -> None:
        await self.connector.stop()
        self.connector = self._connector()
        await self.connector.start()

    def append(self, text: str, name: str = "Master.csv") -> Path:
        path = self.folder / name
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        return path

    async def published(self, count: int) -> list[Envelope]:
        """What was published, once it is so many."""
        await self.bell.until(lambda: len(self.log.published) >= count)
        assert len(self.log.published) == count
        return self.log.published

    async def offsets(self) -> dict[str, int]:
        places = await self.bookmarks.places("phone/pbx/")
        return {str(place["name"]): int(place["offset"] or 0) for place in places.values()}

    async def settled(self, name: str = "Master.csv") -> None:
        """Wait until the file is kept as read to its end."""
        async with asyncio.timeout(10):
            while (await self.offsets()).get(name) != (self.folder / name).stat().st_size:
                await self.bell.rung()


Scenario = Callable[[Exchange], Awaitable[None]]


def with_an_exchange(folder: Path, scenario: Scenario, format_: str = "asterisk-csv", *, first: str = "") -> None:
    """Run a scenario on a running connector, whose directory holds `first` from the beginning."""

    async def run() -> None:
        exchange = Exchange(folder, format_)
        if first:
            exchange.append(first)
        await exchange.connector.start()
        try:
            await scenario(exchange)
        finally:
            await exchange.connector.stop()

    asyncio.run(run())


def row(number: int) -> str:
    return CDR.replace("1772442000.1", f"1772442000.{number}")


def test_each_row_is_one_record_with_what_the_reader_needs(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        first, second = await exchange.published(2)
        assert (first.channel, first.source, first.key) == ("phone", "/phone/pbx", "1772442000.1")
        assert (first.raw, first.content_type) == (row(1).encode(), "application/x-asterisk-cdr+csv")
        facts = {"phone": "pbx", "format": "asterisk-csv", "event": "record", "file": "Master.csv", "offset": "0"}
        assert first.facts == facts
        assert (second.raw, second.facts["offset"]) == (row(2).encode(), str(len(row(1))))
        exchange.append(row(3))
        assert (await exchange.published(3))[2].key == "1772442000.3"

    with_an_exchange(tmp_path, scenario, first=row(1) + row(2))


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        exchange.append(row(3))
        await exchange.restart()
        assert [envelope.key[-1] for envelope in await exchange.published(3)] == ["1", "2", "3"]

    with_an_exchange(tmp_path, scenario, first=row(1) + row(2))


def test_what_is_read_again_has_the_same_id(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        for source in await exchange.bookmarks.places(""):
            await exchange.bookmarks.forget(source)
        await exchange.restart()
        published = await exchange.published(4)
        assert [envelope.id for envelope in published[:2]] == [envelope.id for envelope in published[2:]]

    with_an_exchange(tmp_path, scenario, first=row(1) + row(2))


def test_a_row_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        exchange.append(row(1) + row(2)[:80])
        await exchange.published(1)
        assert (await exchange.offsets()).get("Master.csv", 0) in {0, len(row(1))}
        exchange.append(row(2)[80:] + row(3))
        assert [envelope.raw.decode() for envelope in await exchange.published(3)] == [row(1), row(2), row(3)]

    with_an_exchange(tmp_path, scenario)


def test_a_row_that_never_ends_is_taken_as_it_is_in_the_end(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        path = exchange.append(row(1)[:80])
        os.utime(path, (0, 0))
        (broken,) = await exchange.published(1)
        assert broken.raw.decode() == row(1)[:80]

    with_an_exchange(tmp_path, scenario)


def test_a_file_that_is_renamed_is_read_to_its_end_and_the_next_from_its_beginning(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        path = exchange.append(row(2))
        path.rename(exchange.folder / "Master.csv.1")
        exchange.append(row(3))
        assert {envelope.key[-1] for envelope in await exchange.published(3)} == {"1", "2", "3"}

    with_an_exchange(tmp_path, scenario, first=row(1))


def test_a_file_that_is_copied_and_cut_is_not_read_twice(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        path = exchange.folder / "Master.csv"
        (exchange.folder / "Master.csv.1").write_bytes(path.read_bytes())
        path.write_bytes(b"")
        exchange.append(row(3))
        assert [envelope.key[-1] for envelope in await exchange.published(3)] == ["1", "2", "3"]
        exchange.append(row(4))
        await exchange.published(4)

    with_an_exchange(tmp_path, scenario, first=row(1) + row(2))


def test_a_file_written_anew_is_read_anew_even_if_it_is_longer(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        (exchange.folder / "Master.csv").write_text(row(2) + row(3), "utf-8")
        assert [envelope.key[-1] for envelope in await exchange.published(3)] == ["1", "2", "3"]

    with_an_exchange(tmp_path, scenario, first=row(1))


def test_the_place_of_a_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        (exchange.folder / "Master.csv").unlink()
        async with asyncio.timeout(10):
            while await exchange.offsets():
                await exchange.bell.rung()

    with_an_exchange(tmp_path, scenario, first=row(1))


def test_the_place_is_kept_only_when_the_log_has_the_call(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        exchange.log.away = True
        exchange.append(row(1))
        await exchange.bell.until(lambda: exchange.connector.health.refused["retry"] >= 2)
        assert await exchange.offsets() == {}
        assert exchange.connector.health.lag == 1
        exchange.log.away = False
        await exchange.published(1)
        await exchange.settled()

    with_an_exchange(tmp_path, scenario)


def test_what_was_not_kept_is_read_again_after_a_stop(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        exchange.bookmarks.away = True
        exchange.append(row(2))
        await exchange.published(2)
        await exchange.connector.stop()
        exchange.bookmarks.away = False
        await exchange.restart()
        _, once, again = await exchange.published(3)
        assert (once.raw.decode(), once.id) == (row(2), again.id)

    with_an_exchange(tmp_path, scenario, first=row(1))


def test_a_directory_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        await exchange.settled()
        exchange.folder.rename(tmp_path / "elsewhere")
        await exchange.restart()
        exchange.folder.mkdir()
        exchange.append(row(2))
        await exchange.published(2)

    with_an_exchange(tmp_path, scenario, first=row(1))


def test_a_file_that_names_its_columns_is_understood_in_every_record(tmp_path: Path) -> None:
    names = "calldate,clid,src,dst,duration,billsec,disposition,uniqueid\n"
    calls = [f"2026-03-02 10:00:00,,030123456,100,20,0,NO ANSWER,7.{number}\n" for number in range(3)]

    async def scenario(exchange: Exchange) -> None:
        await exchange.published(2)
        await exchange.settled()
        await exchange.restart()
        exchange.append(calls[2])
        published = await exchange.published(3)
        assert [envelope.raw.decode() for envelope in published] == [names + call for call in calls]
        assert [envelope.key for envelope in published] == ["7.0", "7.1", "7.2"]

    with_an_exchange(tmp_path, scenario, first=names + calls[0] + calls[1])


def test_a_broken_row_is_kept_and_harms_no_other(tmp_path: Path) -> None:
    broken = '"never ends,1,2\n'

    async def scenario(exchange: Exchange) -> None:
        first, second, third = await exchange.published(3)
        assert (first.raw.decode(), second.raw.decode(), third.raw.decode()) == (row(1), broken, row(2))
        assert second.key == second.id

    with_an_exchange(tmp_path, scenario, first=row(1) + broken + row(2) * 1)


def test_hidden_and_packed_files_are_left_alone(tmp_path: Path) -> None:
    async def scenario(exchange: Exchange) -> None:
        exchange.append(row(1), ".Master.csv.swp")
        exchange.append(row(2), "Master.csv.1.gz")
        exchange.append(row(3))
        assert (await exchange.published(1))[0].key.endswith("3")

    with_an_exchange(tmp_path, scenario)


CALL = cel(
    "CHAN_START 0 a exten=100", "CHAN_START 1 b", "ANSWER 9 b appname=AppDial", "CHAN_END 60 a", "LINKEDID_END 60 a"
)
OTHER = CALL.replace('"1.0"', '"2.0"').replace('"1.1"', '"2.1"')


def test_all_events_of_a_call_are_one_record_when_it_ends(tmp_path: Path) -> None:
    mine, theirs = CALL.splitlines(keepends=True), OTHER.splitlines(keepends=True)
    mixed = [line for pair in zip(mine, theirs, strict=True) for line in pair]

    async def scenario(exchange: Exchange) -> None:
        exchange.append("".join(mixed[:-1]))
        (first,) = await exchange.published(1)
        assert (first.key, first.raw.decode()) == ("1.0", CALL)
        await exchange.bell.until(lambda: bool(exchange.bookmarks._kept))
        assert (await exchange.offsets())["Master.csv"] == len(mixed[0])
        await exchange.restart()
        exchange.append(mixed[-1])
        _, second = await exchange.published(2)
        assert (second.key, second.raw.decode()) == ("2.0", OTHER)
        await exchange.settled()

    with_an_exchange(tmp_path, scenario, "asterisk-cel")


def test_a_call_may_go_over_two_files(tmp_path: Path) -> None:
    lines = CALL.splitlines(keepends=True)

    async def scenario(exchange: Exchange) -> None:
        path = exchange.append("".join(lines[:3]))
        await exchange.bell.until(lambda: bool(exchange.bookmarks._kept))
        path.rename(exchange.folder / "Master.csv.1")
        exchange.append("".join(lines[3:]))
        (envelope,) = await exchange.published(1)
        assert envelope.raw.decode() == CALL

    with_an_exchange(tmp_path, scenario, "asterisk-cel")


def test_a_call_whose_end_never_comes_is_told_as_far_as_it_went(tmp_path: Path) -> None:
    begun = "".join(CALL.splitlines(keepends=True)[:3])

    async def scenario(exchange: Exchange) -> None:
        exchange.append(begun)
        await exchange.bell.until(lambda: bool(exchange.bookmarks._kept))
        exchange.later = timedelta(hours=4, minutes=1)
        (envelope,) = await exchange.published(1)
        assert envelope.raw.decode() == begun
        await exchange.settled()

    with_an_exchange(tmp_path, scenario, "asterisk-cel")


def test_each_json_record_is_one_call_however_they_are_written(tmp_path: Path) -> None:
    def record(name: str) -> str:
        return json.dumps(
            {"core-uuid": "ä", "variables": {"uuid": name, "start_epoch": "1772442000"}}, ensure_ascii=False
        )

    async def scenario(exchange: Exchange) -> None:
        exchange.append(record("a"), "a.cdr.json")
        exchange.append(f"{record('b')}\n{{broken\n{record('c')}\n", "log.json")
        exchange.append(f"[{record('d')}, {record('e')}]", "list.json")
        published = await exchange.published(6)
        assert {envelope.key for envelope in published if len(envelope.key) == 1} == set("abcde")
        assert record("a").encode() in {envelope.raw for envelope in published}
        assert b"\n{broken" in {envelope.raw for envelope in published} or b"{broken" in {e.raw for e in published}

    with_an_exchange(tmp_path, scenario, "freeswitch-json")


def test_a_json_record_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    whole = json.dumps({"variables": {"uuid": "a"}})

    async def scenario(exchange: Exchange) -> None:
        exchange.append(whole[:10], "a.json")
        exchange.append(whole, "b.json")
        await exchange.published(1)
        exchange.append(whole[10:], "a.json")
        assert {envelope.raw.decode() for envelope in await exchange.published(2)} == {whole}

    with_an_exchange(tmp_path, scenario, "freeswitch-json")


@pytest.mark.parametrize("count", [3000])
def test_a_long_file_is_read_window_by_window(tmp_path: Path, count: int) -> None:
    async def scenario(exchange: Exchange) -> None:
        published = await exchange.published(count)
        assert [envelope.key for envelope in published] == [f"1772442000.{number}" for number in range(count)]
        await exchange.settled()

    with_an_exchange(tmp_path, scenario, first="".join(map(row, range(count))))


@pytest.mark.parametrize("seed", range(5))
def test_no_call_is_lost_however_often_the_reader_is_killed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # the same fates for the same seed
    written: set[str] = set()

    async def killed_at_once(exchange: Exchange) -> None:
        for task in exchange.connector._tasks:
            task.cancel()
        await asyncio.gather(*exchange.connector._tasks, return_exceptions=True)
        exchange.connector = exchange._connector()
        await exchange.connector.start()

    async def scenario(exchange: Exchange) -> None:
        half = ""
        for life in range(12):
            for _ in range(chance.randrange(1, 40)):
                number = len(written) + 1000
                written.add(f"1772442000.{number}")
                whole, cut = half + row(number), chance.randrange(1, 200)
                half = whole[cut:] if chance.random() < 0.3 else ""
                exchange.append(whole[: len(whole) - len(half)])
            if not half and chance.random() < 0.4:
                (exchange.folder / "Master.csv").rename(exchange.folder / f"Master.csv.{life}")
            for _ in range(chance.randrange(4)):
                await exchange.bell.rung() if len(exchange.log.published) < len(written) // 2 else await asyncio.sleep(
                    0
                )
            await killed_at_once(exchange)
        exchange.append(half)
        await exchange.bell.until(lambda: written <= {envelope.key for envelope in exchange.log.published})
        assert len({envelope.id for envelope in exchange.log.published}) == len(written)

    with_an_exchange(tmp_path, scenario)
