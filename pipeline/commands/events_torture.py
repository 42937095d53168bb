"""`casestream events torture`."""

import base64
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from pipeline.commands.answers import answer, refuse
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.torture.by_topic import ByTopic
    from pipeline.torture.judge import Wrong
    from pipeline.torture.plan import Trial

Target = Annotated[
    str,
    typer.Argument(
        metavar="URL|TOPIC",
        help="http://… to post webhooks there, listen://HOST:PORT to be asked for the stream, or a topic of Kafka.",
    ),
]
Answer = Annotated[
    str | None, typer.Option("--answer", metavar="URL", help="Who tells the copy. Default: URL/answer of an http URL.")
]
Secret = Annotated[
    str | None, typer.Option("--secret", metavar="whsec_…", help="What webhooks are signed with. Default: a new one.")
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, max=50, help="How often all troubles come, in other cases.")]
Patience = Annotated[
    float,
    typer.Option("--patience", metavar="SECONDS", min=0, help="How long after the last event the answer has time."),
]


def register(verbs: typer.Typer) -> None:
    """Add the verb of this file."""

    @verbs.command()
    def torture(  # as many as it has options
        target: Target,
        answer_at: Answer = None,
        secret: Secret = None,
        rounds: Rounds = 1,
        patience: Patience = 10.0,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Put a consumer through events that come twice, late, with unknown fields, over broken connections.

        Then it is asked for its copy of all open cases: {"cases": [{number, title, status, priority, queue, owner}]}.
        Exits with 1, naming the first wrong case and why, when the copy is not right.

        Example:
          casestream events torture http://127.0.0.1:9000/hook --answer http://127.0.0.1:9000/answer --secret whsec_…
          casestream events torture listen://127.0.0.1:8099 --answer http://127.0.0.1:9000/answer
          casestream events torture trial --answer http://127.0.0.1:9000/answer
        """
        from pipeline.torture.plan import plan

        _check_address(target)
        webhooks = target.startswith(("http://", "https://"))
        if answer_at is None and not webhooks:
            raise typer.BadParameter("say with --answer who tells what became of the events")
        trials = plan(rounds, disorder=webhooks)
        where = answer_at or f"{target.rstrip('/')}/answer"
        if webhooks:
            secret = secret or _new_secret()
            typer.echo(f"webhooks are signed with {secret}", err=True)
        settings = load_config(config, data) if "://" not in target else None
        wrong = answer(_run(trials, target, secret, settings, where, patience))
        _tell(wrong, trials, json=json)


def _check_address(target: str) -> None:
    """Exits with 2 unless it is a topic, or an address with all that we need of it."""
    try:
        address = urlsplit(target)
        whole = bool(address.hostname) and (address.scheme != "listen" or address.port is not None)
    except ValueError:
        whole = False
    if "://" in target and not whole:
        raise typer.BadParameter(f"{target} is no address; write http://HOST:PORT/PATH, listen://HOST:PORT or a topic")


async def _run(  # what the verb was told
    trials: "list[Trial]", target: str, secret: str | None, config: Config | None, answer_at: str, patience: float
) -> "Wrong | None":
    from pipeline.torture.by_stream import ByStream
    from pipeline.torture.by_webhook import ByWebhook
    from pipeline.torture.run import torture

    address = urlsplit(target)
    async with AsyncExitStack() as stack:
        if address.scheme in {"http", "https"}:
            return await torture(trials, ByWebhook(target, secret or "").deliver, answer_at, patience)
        if address.scheme == "listen":
            stream = ByStream(address.netloc)
            await stack.enter_async_context(stream.serving())
            typer.echo(f"point the consumer at http://{stream.address}; the stream begins when it asks", err=True)
            return await torture(trials, stream.deliver, answer_at, patience)
        return await torture(trials, _topic(target, config).deliver, answer_at, patience)


def _topic(target: str, config: Config | None) -> "ByTopic":
    """A topic of the desk's Kafka, or kafka://HOST:PORT/TOPIC; never one of the desk's own."""
    from pipeline import topics
    from pipeline.log import client_settings
    from pipeline.torture.by_topic import ByTopic

    address = urlsplit(target)
    if address.scheme == "kafka":
        name, settings = address.path.strip("/"), {"bootstrap_servers": address.netloc.split(",")}
    elif config is not None and config.kafka.servers != "embedded":
        name, settings = target, client_settings(config.kafka)
    else:
        refuse(f"{target} is no address, and the Kafka of this folder does not run; write kafka://HOST:PORT/TOPIC")
    prefix = config.kafka.topic_prefix if config is not None else ""
    if name.removeprefix(prefix) in {topic.name for topic in topics.all_topics(1)} or not name:
        refuse(f"{name or target} is no topic for trials; name another one, which will be created")
    return ByTopic(settings, name)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _tell(wrong: "Wrong | None", trials: "list[Trial]", *, json: bool) -> None:
    from dataclasses import asdict

    events = sum(1 for trial in trials for step in trial.steps if hasattr(step, "telling"))
    if json:
        print_json({"right": wrong is None, "events": events, "wrong": asdict(wrong) if wrong is not None else None})
    elif wrong is None:
        typer.echo(f"right: {events} events, {len(trials)} trials")
    else:
        typer.echo(f"wrong: {_case(wrong)}{wrong.says}")
        for line in (wrong.mistake, f"sent: {wrong.sent}" if wrong.sent else ""):
            if line:
                typer.echo(f"  {line}")
    raise typer.Exit(0 if wrong is None else 1)


def _case(wrong: "Wrong") -> str:
    return f"case {wrong.number} ({wrong.trouble}): " if wrong.number is not None else f"{wrong.trouble}: "
