"""The command line: collects the verbs of `pipeline/commands`."""

import typer

from pipeline.commands import (
    backup,
    bench,
    billing,
    calendar,
    case,
    check,
    clock,
    connect,
    contact,
    dead,
    demo,
    dispatch,
    entitlements,
    events,
    import_,
    init,
    journal,
    ledger,
    mailboxes,
    maintenance,
    migrate,
    parse,
    partition,
    quarantine,
    queue,
    relay,
    replay,
    restore,
    route,
    serve,
    sla,
    token,
    topics,
    up,
    work,
)

app = typer.Typer(
    name="casestream",
    help="Turns every message that customers and their devices send into a support case.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for verbs in (
    up,
    demo,
    topics,
    init,
    case,
    billing,
    check,
    clock,
    connect,
    mailboxes,
    serve,
    work,
    relay,
    dispatch,
    replay,
    parse,
    calendar,
    sla,
    token,
    import_,
    contact,
    migrate,
    journal,
    ledger,
    events,
    entitlements,
    dead,
    partition,
    maintenance,
    backup,
    restore,
    bench,
    route,
    queue,
    quarantine,
):
    verbs.register(app)


def main() -> None:
    """Run the command line."""
    app()
