"""How many mails a second are accepted durably over SMTP: ours (Kafka with fsync) against Postfix (hold queue).

    python bench/smtp.py [--mails 5000] [--size 4096] [--rounds 2] [--sessions 8 32]

Both run on this machine one after the other, A B A B, under the same `smtp-source -d` of Postfix's package, which is
installed with apt-get where this may be done. Each is offered 10,000 mails before, since a server runs for months, and
the JVM of Kafka is at its best after some seconds of load. The last line holds the rate and the worse of the ratios.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.config.sections import Kafka
from pipeline.embedded import install, ports
from pipeline.embedded.kafka import KafkaServer
from pipeline.kafka_admin import apply_topics

TARGET = "support@desk.example"

WARM = {"postfix": 500, "casestream": 10_000}
"""Mails before the first that counts: processes are there then, pages touched, the JVM's code compiled."""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/lib
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.desk.example
mydestination = desk.example
local_recipient_maps =
alias_maps =
smtpd_recipient_restrictions = check_recipient_access static:HOLD, permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - 100 smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
anvil     unix  - - n - 1 anvil
error     unix  - - n - - error
local     unix  - n n - - local
postlog   unix-dgram n - n - 1 postlogd
"""


def main() -> None:
    """Run both, interleaved, and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sessions", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--only", choices=["postfix", "casestream"])
    asked = parser.parse_args()
    install_postfix()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-smtp-")))
        folder.chmod(0o755)
        servers = {}
        if asked.only != "casestream":
            servers["postfix"] = running.enter_context(postfix(folder / "postfix"))
        if asked.only != "postfix":
            servers["casestream"] = running.enter_context(casestream(folder))
        for name, port in servers.items():
            offer(port, 32, WARM[name], asked.size)
        medians = {}
        for sessions in asked.sessions:
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(asked.rounds):
                for name, port in servers.items():
                    rates[name].append(offer(port, sessions, asked.mails, asked.size))
            for name, found in rates.items():
                medians[name, sessions] = statistics.median(found)
                print(
                    f"{name} with {sessions} sessions: {medians[name, sessions]:.0f} per s {[round(r) for r in found]}"
                )
    if len(servers) > 1:
        ratios = {s: medians["casestream", s] / medians["postfix", s] for s in asked.sessions}
        print(", ".join(f"{sessions} sessions: ratio {ratio:.2f}" for sessions, ratio in ratios.items()))
        worst = min(asked.sessions, key=lambda sessions: ratios[sessions])
        print(f"smtp: {medians['casestream', worst]:.0f} per s, ratio {ratios[worst]:.2f} to Postfix")


def install_postfix() -> None:
    """Have Postfix and its smtp-source here, or say how."""
    if shutil.which("smtp-source"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("this needs Postfix and its smtp-source: apt-get install postfix")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "postfix"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def offer(port: int, sessions: int, mails: int, size: int) -> float:
    """Mails a second that the server on that port takes over so many kept sessions."""
    command = ["smtp-source", "-d", "-s", str(sessions), "-l", str(size), "-m", str(mails)]
    command += ["-f", "sender@client.example", "-t", TARGET, f"127.0.0.1:{port}"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return mails / (time.perf_counter() - began)


@contextmanager
def postfix(folder: Path) -> Iterator[int]:
    """A Postfix of its own that takes mail into its hold queue; yields its port."""
    port = ports.free()
    for name in ("queue", "lib"):
        (folder / name).mkdir(parents=True)
    shutil.chown(folder / "lib", "postfix")
    (folder / "main.cf").write_text(MAIN_CF.format(folder=folder))
    (folder / "master.cf").write_text(MASTER_CF.format(port=port))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["postfix", "-c", folder, "start"], check=True, **quiet)  # type: ignore[call-overload]  # noqa: S607 - see above
    try:
        yield port
    finally:
        subprocess.run(["postfix", "-c", folder, "stop"], check=False, **quiet)  # type: ignore[call-overload]  # noqa: S607 - see above


@contextmanager
def casestream(folder: Path) -> Iterator[int]:
    """Our Kafka and `casestream connect smtp`; yields its port."""
    install.kafka()
    broker = ports.free()
    server = KafkaServer(folder / "kafka", port=broker, controller_port=ports.free(avoid=[broker]), log=folder / "log")
    asyncio.run(server.create(server.data))
    child = server.spawn()
    try:
        asyncio.run(asyncio.wait_for(server.ready(), 60))
        asyncio.run(apply_topics(Kafka(servers=server.address)))
        with connector(folder, server.address) as port:
            yield port
    finally:
        asyncio.run(child.stop(server.stop_signal, 10))


@contextmanager
def connector(folder: Path, kafka: str) -> Iterator[int]:
    """The SMTP connector as a process; yields its port once it says that it is ready."""
    settings = folder / "casestream.toml"
    settings.write_text(
        f'[kafka]\nservers = "{kafka}"\n[smtp]\nlisten = "127.0.0.1:0"\n[[mailbox]]\naddress = "{TARGET}"\n'
    )
    ready, told = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "connect", "smtp", "--data", folder / "data", "--config", settings],
        pass_fds=[told],
        env={**os.environ, "CASESTREAM_READY_FD": str(told)},
    )
    os.close(told)
    try:
        with os.fdopen(ready) as line:
            address = line.readline().split()[-1]
        yield int(address.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
