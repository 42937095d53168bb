"""Tries a mailbox once, as its reader would, and tells what is there or what is in the way."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.config.channels import Mailbox
from pipeline.config.imap import imap_place, target_folder
from pipeline.config.values import read_secret
from pipeline.connectors.imap_oauth import Tokens
from pipeline.connectors.imap_progress import Progress, resume
from pipeline.connectors.imap_session import ImapSession
from pipeline.connectors.imap_thread import BlockingThread
from pipeline.errors import Retry
from pipeline.store.bookmarks import Bookmarks


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found: `waiting` mails of those in the folder are still to be read; `failure` is what went wrong."""

    address: str
    folder: str
    mails: int = 0
    waiting: int | None = None
    idle: bool = False
    failure: str | None = None


async def try_mailbox(mailbox: Mailbox, bookmarks: Bookmarks, now: Callable[[], datetime]) -> Trial:
    """Log in, open the folder, look, change nothing. Never raises what a server or a setting can be blamed for."""
    place = imap_place(mailbox.imap or "", mailbox.address)
    session = ImapSession(mailbox.model_copy(update={"settle": "keep"}), place)
    thread = BlockingThread(f"imap {mailbox.address}")
    try:
        await thread.run(session.connect)
        if mailbox.oauth is not None:
            await thread.run(session.login_by_token, await Tokens(mailbox.oauth, now).token())
        else:
            await thread.run(session.login, read_secret(mailbox.password or ""))
        folder = await thread.run(session.select)
        waiting = None
        if progress := await _kept(bookmarks, str(place)):
            progress = resume(progress, folder, first_read=mailbox.first_read, now=now()).progress
            after = progress.floor if target_folder(mailbox.settle) else progress.uid
            waiting = len(await thread.run(session.uids_after, after))
        idle = await thread.run(lambda: session.can_idle)
        return Trial(mailbox.address, str(place), folder.mails, waiting, idle)
    except (Retry, LookupError) as error:
        return Trial(mailbox.address, str(place), failure=str(error))
    finally:
        await thread.run(session.close)
        thread.close()


async def _kept(bookmarks: Bookmarks, place: str) -> Progress | None:
    """How far it was read; unknown as well while the database is away."""
    try:
        kept = (await bookmarks.places(f"imap/{place}")).get(f"imap/{place}")
    except Retry:
        return None
    return Progress.of(kept) if kept else None
