"""Where reading goes on in a folder, whatever its server does to the UIDs."""

from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipeline.connectors.imap_progress import Folder, Listed, Progress, portions, resume

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
uids = st.integers(0, 2**32 - 1)
progresses = st.builds(
    Progress,
    uidvalidity=st.integers(1, 4),
    uid=uids,
    floor=uids,
    since=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(progresses)
def test_a_place_survives_being_kept_as_json(progress: Progress) -> None:
    assert Progress.of(orjson.loads(orjson.dumps(dict(progress.place())))) == progress


@given(progresses, st.integers(0, 4), uids)
def test_what_was_not_read_is_never_passed_over(kept: Progress, uidvalidity: int, uidnext: int) -> None:
    resumed = resume(kept, Folder(uidvalidity, uidnext), first_read="all", now=NOW)
    assert resumed.progress.uid < uidnext or uidnext == 0
    if resumed.again is None:
        assert resumed.progress == kept
        assert uidvalidity == kept.uidvalidity
    else:
        assert resumed.progress.uid == resumed.progress.floor == 0
        assert resumed.progress.since == kept.since


def test_the_first_look_takes_all_or_nothing() -> None:
    folder = Folder(7, 10)
    everything = resume(None, folder, first_read="all", now=NOW).progress
    assert everything.concerns(Listed(1, 0, None))
    later = resume(None, folder, first_read="new", now=NOW).progress
    assert not later.concerns(Listed(9, 0, NOW))
    assert later.concerns(Listed(10, 0, None))
    assert later.uid == 9


def test_where_uids_cannot_tell_the_time_of_a_mail_does() -> None:
    since = NOW - timedelta(days=10)
    kept = Progress(7, uid=20, floor=9, since=since)
    again = resume(kept, Folder(8, 30), first_read="new", now=NOW).progress
    assert not again.concerns(Listed(1, 0, since - timedelta(days=2)))
    assert again.concerns(Listed(1, 0, since))
    assert again.concerns(Listed(1, 0, None))


def test_a_place_only_moves_on() -> None:
    assert Progress(7, uid=5).at(3) == Progress(7, uid=5)
    assert Progress(7, uid=5).at(6) == Progress(7, uid=6)


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 9), st.integers(1, 300), st.integers(0, 60))
def test_portions_hold_every_mail_once_in_order(sizes: list[int], most: int, most_bytes: int, alone: int) -> None:
    mails = [Listed(uid, size, None) for uid, size in enumerate(sizes, 1)]
    split = list(portions(mails, most=most, most_bytes=most_bytes, alone=alone))
    assert [mail for portion in split for mail in portion] == mails
    for portion in split:
        assert len(portion) <= most
        assert len(portion) == 1 or sum(mail.size for mail in portion) <= most_bytes
        assert len(portion) == 1 or portion[0].uid > alone
