"""How many real mails one core parses a second: MIME, HTML to text, sanitised HTML, reply separation.

    python bench/parse.py [--mails 6046] [--rounds 2]

The peer is mail-parser for the mail with mail-parser-reply for the reply, both from PyPI, which does less: no text out
of HTML, no sanitising. They are in the dependency group `bench` (`pip install --group bench`) and used by nothing else.
Both sides take the SpamAssassin corpus in turns, block by block, and are measured in CPU time. The last line holds the
rate of the full form and its ratio to the peer's.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable

from servers import real_mails

from pipeline.parse.email import parse_email

BLOCK = 200
OURS = "cases.desk.example"


def full(raw: bytes) -> None:
    """All that `casestream parse email` prints."""
    parse_email(raw, our_domain=OURS)


def lean(raw: bytes) -> None:
    """What intake needs."""
    parse_email(raw, our_domain=OURS, with_html=False, with_reply=False)


def peer() -> Callable[[bytes], None]:
    """mail-parser and mail-parser-reply as their readme files say."""
    try:
        import mailparser  # noqa: PLC0415 - only this bench needs the peers
        from mailparser_reply import EmailReplyParser  # noqa: PLC0415 - the same
    except ImportError as error:
        sys.exit(f"{error}: install the peers with `pip install --group bench`")
    logging.disable(logging.CRITICAL)
    replies = EmailReplyParser(languages=["en"])

    def parse(raw: bytes) -> None:
        try:
            mail = mailparser.parse_from_bytes(raw)
            mail.mail  # noqa: B018 - the property does the work
            replies.parse_reply(text=mail.body)
        except Exception:  # noqa: BLE001 - mails that the peer cannot read count as read
            failed.append(raw)

    return parse


failed: list[bytes] = []


def main() -> None:
    """Measure the three in turns and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    mails = real_mails(arguments.mails)
    sides = {"lean": lean, "full": full, "peer": peer()}
    spent = dict.fromkeys(sides, 0.0)
    for _ in range(arguments.rounds):
        for begin in range(0, len(mails), BLOCK):
            for name, side in sides.items():
                started = time.process_time()
                for raw in mails[begin : begin + BLOCK]:
                    side(raw)
                spent[name] += time.process_time() - started
    rates = {name: len(mails) * arguments.rounds / seconds for name, seconds in spent.items()}
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} per s, {1e6 / rate:.0f} µs each")
    print(f"mails that the peer could not read: {len(failed) // arguments.rounds}")
    ratio = rates["full"] / rates["peer"]
    print(f"parse: {rates['full']:.0f} per s, ratio {ratio:.2f} to mail-parser + mail-parser-reply")


if __name__ == "__main__":
    main()
