"""`casestream events torture`: right consumers pass, and each mistake is found and called by its name."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mutants import Mistake, Mutant

from pipeline.config.sections import Kafka
from pipeline.embedded import ports
from pipeline.errors import Stop
from pipeline.torture.by_stream import ByStream
from pipeline.torture.by_topic import ByTopic
from pipeline.torture.by_webhook import ByWebhook
from pipeline.torture.judge import Wrong, first_wrong, truth
from pipeline.torture.plan import plan
from pipeline.torture.run import torture

pytestmark = pytest.mark.integration

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "open_cases.py"


def by_webhooks(mutant: Mutant) -> Wrong | None:
    async def run() -> Wrong | None:
        async with mutant.running():
            sender = ByWebhook(f"{mutant.url}/hook", SECRET)
            return await torture(plan(1, disorder=True), sender.deliver, f"{mutant.url}/answer", 0.5)

    return asyncio.run(run())


def by_stream(mutant: Mutant) -> Wrong | None:
    async def run() -> Wrong | None:
        stream = ByStream("127.0.0.1:0")
        async with mutant.running(), stream.serving():
            listening = asyncio.create_task(mutant.listen(f"http://{stream.address}"))
            try:
                return await torture(plan(1, disorder=False), stream.deliver, f"{mutant.url}/answer", 0.5)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    return asyncio.run(run())


def test_who_makes_no_mistake_passes() -> None:
    assert by_webhooks(Mutant(secret=SECRET)) is None
    assert by_stream(Mutant()) is None


def test_who_takes_nothing_is_told_so_at_the_first_event() -> None:
    with pytest.raises(Stop, match=r"answers 40\d, to the first event already"):
        by_webhooks(Mutant(secret="whsec_" + "A" * 32))


@pytest.mark.parametrize(
    ("mistake", "trouble", "says", "sent"),
    [
        ("no dedupe", "told twice", "it is not open, and your copy has it",
         "#1 case.opened, #2 case.resolved, #1 case.opened again"),
        ("order of arrival", "out of order", "it is not open, and your copy has it",
         "#2 case.resolved, #1 case.opened late"),
        ("crashes on what is unknown", "unknown fields", "it is open, and your copy does not have it",
         "#1 case.opened, #2 case.sneezed, #3 case.updated"),
        ("forgets reopened and merged", "reopened", "it is open, and your copy does not have it",
         "#1 case.opened, #2 case.resolved, #3 case.reopened"),
    ],
)  # fmt: skip
def test_each_mistake_is_found_by_its_own_trouble(mistake: Mistake, trouble: str, says: str, sent: str) -> None:
    wrong = by_webhooks(Mutant(mistake, SECRET))
    assert wrong is not None
    assert (wrong.trouble, wrong.says, wrong.sent) == (trouble, says, sent)
    assert wrong.mistake


def test_who_loses_its_position_misses_what_happened_meanwhile() -> None:
    wrong = by_stream(Mutant("loses its position"))
    assert wrong is not None
    assert wrong.trouble == "connection lost"
    assert wrong.says == "its priority is 'urgent', and in your copy 'normal'"
    assert wrong.sent == "#1 case.opened, connection lost, #2 case.updated, connection lost"


@pytest.mark.parametrize("mistake", ["no dedupe", "crashes on what is unknown", "forgets reopened and merged"])
def test_by_stream_mistakes_are_found_too(mistake: Mistake) -> None:
    assert by_stream(Mutant(mistake)) is not None


@pytest.mark.parametrize("answer", [None, [], {"cases": {}}, {"cases": [1]}])
def test_an_answer_that_is_none_is_called_so(answer: object) -> None:
    wrong = first_wrong(plan(1, disorder=False), answer)
    assert wrong is not None
    assert wrong.trouble == "the answer"


def test_what_nobody_told_of_is_wrong() -> None:
    trials = plan(2, disorder=True)
    right = {"cases": [*truth(trials).values()]}
    assert first_wrong(trials, right) is None
    more = {"cases": [*right["cases"], {"number": 7}]}
    wrong = first_wrong(trials, more)
    assert wrong is not None
    assert wrong.says == "there is no open case 7"
    twice = first_wrong(trials, {"cases": [*right["cases"], right["cases"][0]]})
    assert twice is not None
    assert twice.says == "it has a case twice"


def test_who_does_not_answer_is_told_so() -> None:
    async def run() -> None:
        dead = f"http://127.0.0.1:{ports.free()}/answer"
        with pytest.raises(Stop, match="gives no answer"):
            await torture([], ByWebhook("http://127.0.0.1:1", SECRET).deliver, dead, 0)

    asyncio.run(run())


@contextmanager
def example(folder: Path, url: str) -> Iterator[str]:
    """The example of the documentation on an address; its answer's."""
    answers = f"127.0.0.1:{ports.free()}"
    command = [sys.executable, str(EXAMPLE), str(folder / "open.db"), url, "--token", "cs_x", "--listen", answers]
    with subprocess.Popen(command) as process:  # noqa: S603  # ours
        try:
            yield f"http://{answers}/answer"
        finally:
            process.kill()


def casestream(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline", "events", "torture", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=os.environ)  # noqa: S603  # ours


def test_the_example_passes_over_http(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{ports.free()}"
    with example(tmp_path, f"http://{listen}") as answer:
        passed = casestream(f"listen://{listen}", "--answer", answer, "--rounds", "2")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert passed.stdout.startswith("right: ")


def test_the_example_passes_on_a_topic(tmp_path: Path, kafka: Kafka) -> None:
    topic = f"kafka://{kafka.servers}/{kafka.topic_prefix}trial"
    asyncio.run(_create(topic))
    with example(tmp_path, topic) as answer:
        passed = casestream(topic, "--answer", answer, "--rounds", "2")
    assert passed.returncode == 0, passed.stdout + passed.stderr


async def _create(topic: str) -> None:
    servers, _, name = topic.removeprefix("kafka://").partition("/")
    await ByTopic({"bootstrap_servers": servers}, name).deliver([])


def test_the_verb_says_what_is_wrong() -> None:
    async def run() -> "subprocess.CompletedProcess[str]":
        mutant = Mutant("no dedupe", SECRET)
        async with mutant.running():
            arguments = (
                f"{mutant.url}/hook",
                "--answer",
                f"{mutant.url}/answer",
                "--secret",
                SECRET,
                "--patience",
                "0",
            )
            return await asyncio.to_thread(casestream, *arguments)

    failed = asyncio.run(run())
    assert failed.returncode == 1, failed.stderr
    first, why, sent = failed.stdout.splitlines()
    assert first == "wrong: case 2001 (told twice): it is not open, and your copy has it"
    assert "remember what you heard" in why
    assert sent == "  sent: #1 case.opened, #2 case.resolved, #1 case.opened again"


@pytest.mark.parametrize(
    ("told", "code", "says"),
    [
        (("trial",), 2, "say with --answer"),
        (("listen://nowhere", "--answer", "http://127.0.0.1:1/"), 2, "listen://nowhere is no address"),
        (("http://[1", "--answer", "http://127.0.0.1:1/"), 2, "http://[1 is no address"),
        (("kafka://127.0.0.1:1/case.events", "--answer", "http://127.0.0.1:1/"), 1, "is no topic for trials"),
    ],
)
def test_what_cannot_be_is_said(told: tuple[str, ...], code: int, says: str) -> None:
    refused = casestream(*told)
    assert refused.returncode == code
    assert says in " ".join(refused.stderr.replace("│", " ").split())
