"""The sections of the channels: what each listens to, and what it takes."""

from typing import Annotated

from pydantic import Field

from pipeline.config.values import Address, FormName, Listen, Network, Origin, Section


class Smtp(Section):
    """The port that mail servers deliver to. `max_size` is in bytes, the time-outs are in seconds."""

    listen: Listen = "127.0.0.1:2525"
    trusted: tuple[Network, ...] = ("127.0.0.0/8",)
    max_size: Annotated[int, Field(ge=65536)] = 20_971_520
    max_recipients: Annotated[int, Field(ge=1)] = 100
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 200
    command_timeout: Annotated[float, Field(gt=0)] = 60.0
    data_timeout: Annotated[float, Field(gt=0)] = 120.0


class Mailbox(Section):
    """An address of ours; mail to it opens cases in its queue."""

    address: Address
    aliases: tuple[Address, ...] = ()
    via: tuple[Address, ...] = ()
    queue: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address under which mail reaches it."""
        return (self.address, *self.aliases)


class Form(Section):
    """A web form: which fields it must have, from which sites it may come, how much it may hold."""

    name: FormName
    queue: str | None = None
    origins: tuple[Origin, ...] = ()
    required: tuple[str, ...] = ("email", "text")
    honeypot: str = "website"
    max_files: Annotated[int, Field(ge=0)] = 10
    max_file_size: Annotated[int, Field(ge=0)] = 10_485_760
    per_minute: Annotated[int, Field(ge=1)] = 60
