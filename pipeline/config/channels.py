"""The sections of the channels: what each listens to, and what it takes."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.imap import ImapUrl, OAuth, Settle
from pipeline.config.values import (
    Address,
    Country,
    DevicePattern,
    DeviceTopic,
    FeedName,
    FormName,
    Listen,
    ListenOrPath,
    Network,
    Origin,
    Section,
    Site,
    Timezone,
    TopicFilter,
)


class Smtp(Section):
    """The port that mail servers deliver to. `max_size` is in bytes, the time-outs are in seconds."""

    listen: Listen = "127.0.0.1:2525"
    listen_tls: Listen | None = None
    lmtp: ListenOrPath | None = None
    certificate: str | None = None
    key: str | None = None
    starttls: Literal["offered", "required"] = "offered"
    proxies: tuple[Network, ...] = ()
    trusted: tuple[Network, ...] = ("127.0.0.0/8",)
    authenticate: bool = True
    max_size: Annotated[int, Field(ge=65536)] = 20_971_520
    max_recipients: Annotated[int, Field(ge=1)] = 100
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 200
    connects_per_minute: Annotated[int, Field(ge=1)] = 3000
    command_timeout: Annotated[float, Field(gt=0)] = 60.0
    data_timeout: Annotated[float, Field(gt=0)] = 120.0


class Mailbox(Section):
    """An address of ours; mail to it opens cases in its queue. With `imap` its folder is read as well."""

    address: Address
    aliases: tuple[Address, ...] = ()
    via: tuple[Address, ...] = ()
    queue: str | None = None
    acknowledge: bool = False
    unauthenticated: Literal["flag", "quarantine", "accept"] = "flag"
    imap: ImapUrl | None = None
    password: str | None = None
    oauth: OAuth | None = None
    settle: Settle = "seen"
    first_read: Literal["all", "new"] = "all"
    poll_seconds: Annotated[float, Field(ge=1, le=60)] = 60.0
    max_size: Annotated[int, Field(ge=65536)] = 26_214_400
    authserv: str | None = None
    ca: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address under which mail reaches it."""
        return (self.address, *self.aliases)


FormField = Literal["name", "email", "phone", "subject", "text", "product"]
"""The fields of a form that mean something to us."""


class Form(Section):
    """A web form: which fields it must have, from which sites it may come, how much it may hold.

    `fields` says which of ours a site's own name means; `title` and `labels` are the words of its page.
    """

    name: FormName
    queue: str | None = None
    origins: tuple[Origin, ...] = ()
    required: tuple[str, ...] = ("email", "text")
    fields: Mapping[str, FormField] = {}
    title: str | None = None
    labels: Mapping[str, str] = {}
    acknowledge: bool = False
    check_domain: bool = False
    honeypot: str = "website"
    max_files: Annotated[int, Field(ge=0)] = 10
    max_file_size: Annotated[int, Field(ge=0)] = 10_485_760
    per_minute: Annotated[int, Field(ge=1)] = 60
    per_address: Annotated[int, Field(ge=1)] = 20


Opening = Literal["answered", "missed", "voicemail", "busy", "failed"]
"""How a call may end, as far as a desk's policy tells the ways apart."""

_SHORT_FORMS: dict[str, tuple[Opening, ...]] = {
    "never": (),
    "answered": ("answered",),
    "missed": ("missed", "voicemail"),
    "always": ("answered", "missed", "voicemail", "busy", "failed"),
}


PhoneFormat = Literal["cti", "twilio", "asterisk-csv", "asterisk-cel", "freeswitch-json"]
"""How an exchange tells of calls: events over HTTP, or records in files."""

ONLY_POSTED = frozenset({"cti", "twilio"})
ONLY_FILES = frozenset({"asterisk-csv", "asterisk-cel"})
SHORTEST_TOKEN = 16


class Phone(Section):
    """A telephone exchange: how it tells of calls, which calls open a case, which join one.

    Events are posted with its `token`; records are read from the files of its `directory`. `country` and `timezone`
    are the desk's unless it stands elsewhere.
    """

    name: FormName
    queue: str | None = None
    format: PhoneFormat = "cti"
    token: str | None = None
    per_minute: Annotated[int, Field(ge=1)] = 600
    directory: str | None = None
    country: Country | None = None
    timezone: Timezone | None = None
    opens_case: tuple[Opening, ...] = ("missed", "voicemail")
    joins: Literal["only active case", "never"] = "only active case"

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("env:", "file:")) and len(value) < SHORTEST_TOKEN:
            raise ValueError(f"a token needs at least {SHORTEST_TOKEN} characters; write env:NAME or file:PATH")
        return value

    @field_validator("opens_case", mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return _SHORT_FORMS.get(value, (value,)) if isinstance(value, str) else value


class Social(Section):
    """A page or account of ours on a social platform, and what proves to each other who we are."""

    platform: Literal["facebook", "messenger", "x", "mastodon"]
    name: FormName = ""
    queue: str | None = None
    app_secret: str | None = None
    verify_token: str | None = None
    page_id: str | None = None
    access_token: str | None = None
    access_token_secret: str | None = None
    api_key: str | None = None
    server: Site | None = None
    max_length: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: object) -> object:
        """Without a name of its own, it is called as its platform is."""
        if isinstance(values, dict) and not values.get("name") and isinstance(values.get("platform"), str):
            return {**values, "name": values["platform"]}
        return values

    @property
    def lacking(self) -> tuple[str, ...]:
        """The keys without which nothing can be taken from this platform."""
        needed = {"x": ("app_secret",), "mastodon": ("server", "access_token")}
        keys = needed.get(self.platform, ("app_secret", "verify_token"))
        return tuple(key for key in keys if getattr(self, key) is None)

    @property
    def signs(self) -> bool:
        """Whether requests are signed with keys that do not end, as X takes them, instead of bearing a token."""
        return self.platform == "x" and bool(self.api_key or self.access_token_secret)

    @property
    def lacking_to_answer(self) -> tuple[str, ...]:
        """The keys without which no answer can leave by it."""
        keys = ("access_token", *(("api_key", "access_token_secret", "app_secret") if self.signs else ()))
        return tuple(key for key in keys if getattr(self, key) is None)

    @property
    def is_asked(self) -> bool:
        """Whether we can ask the platform ourselves, for all there is or for what was missed."""
        if self.platform == "mastodon":
            return not self.lacking
        return self.platform != "x" and bool(self.page_id and self.access_token)


class DeviceFeed(Section):
    """Topics that devices publish to, what their payloads are, and which of their own alarms open a case.

    `device` says where in a topic the device is named. Connectors that share the topics name the same group `shared`.
    Devices that speak JSON get commands on the topic `commands`, and say on `answers` what became of them.
    """

    name: FeedName
    topics: Annotated[tuple[TopicFilter, ...], Field(min_length=1)]
    format: Literal["thin-edge", "json", "sparkplug"] = "thin-edge"
    queue: str | None = None
    device: DevicePattern | None = None
    shared: FeedName | None = None
    opens_case: tuple[str, ...] = ("critical", "major")
    commands: DeviceTopic | None = None
    answers: DeviceTopic | None = None

    @property
    def takes_commands(self) -> bool:
        """Whether its devices can be told what to do, and say what became of it."""
        if self.format == "thin-edge":
            before, root, _ = (self.device or "te/").partition("te/")
            return not self.device or bool(root and "{device}" in before and "+" not in before)
        return self.format == "json" and bool(self.commands and self.answers)
