"""The desk's rules, made once from its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.agents.devices.alarm_rules import AlarmRules, compile_alarms
from pipeline.agents.promises.agreed import Pledges, compile_pledges
from pipeline.config import Config
from pipeline.config.channels import DeviceFeed, Form, Mailbox, Phone, Social
from pipeline.config.routing import build_correlations, build_routes
from pipeline.config.sections import Automatic, Queue
from pipeline.config.values import length
from pipeline.domain.agents import Hours
from pipeline.domain.billing import Rounding
from pipeline.domain.calendar import NoBusinessTimeError
from pipeline.domain.conditions import View
from pipeline.domain.correlating import Correlation
from pipeline.domain.fields import FieldType
from pipeline.domain.routing import Routes
from pipeline.domain.tokens import TokenKeys

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the steps of intake decide by.

    `address` is what we write mail from, unless the case's queue has an `address_of_queue`; `own_fields` are those that
    the desk declared for cases, `lists` our own mailing lists.
    """

    tokens: TokenKeys
    queues: Mapping[str, Queue]
    mailbox_of_address: Mapping[str, Mailbox]
    forms: Mapping[str, Form]
    phones: Mapping[str, Phone]
    socials: Mapping[str, Social]
    feeds: Mapping[str, DeviceFeed]
    country: str | None
    timezone: str
    default_queue: str
    alarms: AlarmRules
    sources: tuple[str, ...]
    participants: str
    automatic: Automatic
    routes: Routes
    routes_read: View
    correlations: tuple[Correlation, ...]
    hours: Hours
    address: str
    address_of_queue: Mapping[str, str]
    rounding: Rounding
    language: str
    desk_name: str
    own_fields: Mapping[str, FieldType]
    pledges: Pledges
    lists: frozenset[str]
    each_mailbox: bool
    desk: str

    def queue(self, name: str) -> Queue:
        """The policy of a queue; of the first one, when there is none of that name any more."""
        return self.queues.get(name) or self.queues[self.default_queue]

    def queue_of_form(self, name: str) -> str:
        """The queue that a form's messages go to."""
        form = self.forms.get(name)
        return (form and form.queue) or self.default_queue

    def phone(self, source: str) -> Phone:
        """The exchange of a source like `/phone/NAME`. Raises LookupError when the desk has none of that name."""
        return _named("phone", self.phones, source)

    def social(self, source: str) -> Social:
        """The page of a source like `/social/PLATFORM`. Raises LookupError when the desk has none there."""
        return _named("social", self.socials, source)

    def feed(self, source: str) -> DeviceFeed:
        """The feed of a source like `/iot/NAME`. Raises LookupError when the desk has none of that name."""
        return _named("device_feed", self.feeds, source)

    def reads_message(self, field: str) -> bool:
        """Whether any condition asks for this field of a message."""
        views = (self.routes_read, *(rule.view for rule in self.correlations))
        return any(view.reads("message", field) for view in views)

    @property
    def assigns(self) -> bool:
        """Whether any rule gives cases to somebody."""
        return any(rule.assign is not None for rule in self.routes.rules)

    @property
    def overflows(self) -> bool:
        """Whether any queue overflows into another."""
        return any(queue.overflow is not None for queue in self.queues.values())

    def overflows_at(self, queue: str, since: datetime) -> datetime | None:
        """When what waits in a queue since then overflows, if it ever does."""
        overflow = self.queues[queue].overflow if queue in self.queues else None
        if overflow is None:
            return None
        calendar = self.hours.calendars.get(overflow.calendar or "")
        if calendar is None:
            return since + length(overflow.after)
        try:
            return calendar.add(since, length(overflow.after))
        except NoBusinessTimeError:
            return None

    def overflow_to(self, queue: str) -> str | None:
        """Where a queue overflows into, if it does."""
        overflow = self.queues[queue].overflow if queue in self.queues else None
        return overflow.to if overflow is not None else None

    def is_ours(self, address: str) -> bool:
        """Whether it is the address of a mailbox of ours, as we write it ourselves, with whatever behind a plus."""
        local, at, domain = address.rpartition("@")
        names = {address, f"{local.partition('+')[0]}{at}{domain}"}
        return any((mailbox := self.mailbox_of_address.get(one)) and one in mailbox.addresses for one in names)


def _named(section: str, records: Mapping[str, Record], source: str) -> Record:
    name = source.split("/")[2] if source.count("/") > 1 else source
    if name not in records:
        raise LookupError(f"there is no [[{section}]] for {source}")
    return records[name]


def compile_rules(config: Config) -> Rules:
    """The rules that a configuration says. Raises LookupError when a secret is not there."""
    routes, routes_read = build_routes(config.model_dump(by_alias=True), config.route)
    return Rules(
        tokens=TokenKeys(config.desk.domain, config.desk.keys()),
        queues={queue.name: queue for queue in config.queue},
        mailbox_of_address={
            address: mailbox for mailbox in config.mailbox for address in (*mailbox.addresses, *mailbox.via)
        },
        forms={form.name: form for form in config.form},
        phones={phone.name: phone for phone in config.phone},
        socials={social.name: social for social in config.social},
        feeds={feed.name: feed for feed in config.device_feed},
        country=config.desk.country,
        timezone=config.desk.timezone,
        default_queue=config.default_queue,
        alarms=compile_alarms(config),
        sources=config.threading.sources,
        participants=config.threading.participants,
        automatic=config.automatic,
        routes=routes,
        routes_read=routes_read,
        correlations=build_correlations(config.model_dump(by_alias=True), config.correlate),
        hours=Hours(
            {name: calendar.build(config.desk.timezone) for name, calendar in config.calendar.items()},
            ZoneInfo(config.desk.timezone),
        ),
        address=next((mailbox.address for mailbox in config.mailbox), f"support@{config.desk.domain}"),
        address_of_queue={
            mailbox.queue or config.default_queue: mailbox.address for mailbox in reversed(config.mailbox)
        },
        rounding=config.billing.rounding(),
        language=config.desk.language,
        desk_name=config.desk.name,
        own_fields=config.fields.case,
        pledges=compile_pledges(config),
        lists=frozenset(address for mailbox in config.mailbox for address in mailbox.via),
        each_mailbox=config.threading.two_mailboxes == "each",
        desk=config.desk.name,
    )
