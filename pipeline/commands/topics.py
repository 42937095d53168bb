"""`casestream topics`."""

import asyncio

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    topics = typer.Typer(help="The topics on Kafka.", epilog="Example: casestream topics list", no_args_is_help=True)
    app.add_typer(topics, name="topics")

    @topics.command()
    def apply(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Create the topics that are not there yet.

        Example: casestream topics apply --config casestream.toml
        """
        from pipeline.errors import Retry
        from pipeline.kafka_admin import apply_topics

        try:
            created = asyncio.run(apply_topics(load_config(config, data).kafka))
        except Retry as error:
            typer.echo(f"casestream: {error}", err=True)
            raise typer.Exit(1) from error
        for name in created:
            print_json({"created": name}) if json else typer.echo(f"created {name}")
        if not created and not json:
            typer.echo("all topics are there")

    @topics.command(name="list")
    def list_topics(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List every topic as `apply` creates it.

        Example: casestream topics list --json
        """
        from dataclasses import asdict

        from pipeline.topics import all_topics

        kafka = load_config(config, data).kafka
        for topic in all_topics(kafka.replication):
            name = kafka.topic_prefix + topic.name
            if json:
                print_json({**asdict(topic), "name": name})
            else:
                settings = " ".join(f"{key}={value}" for key, value in topic.config.items())
                typer.echo(f"{name:<20} by {topic.key:<13} {topic.partitions:>3} partitions  {settings}")
