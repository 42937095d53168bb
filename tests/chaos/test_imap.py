"""A short run of what happens to a mailbox whose reader is killed, and whose server restarts, while mail comes."""

import subprocess
import sys
from pathlib import Path

import pytest
from dovecot import installed

ROOT = Path(__file__).parents[2]


@pytest.mark.chaos
@pytest.mark.integration
@pytest.mark.skipif(not installed(), reason="Debian's dovecot-imapd is not installed")
def test_every_mail_of_a_mailbox_has_one_outcome() -> None:
    command = [sys.executable, "-m", "tests.chaos.imap", "--mails", "300", "--kills", "6", "--restarts", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)  # noqa: S603  # ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert " lost 0 doubled 0 unsettled 0 " in done.stdout.splitlines()[-1]
