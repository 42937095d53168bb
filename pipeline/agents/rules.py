"""The desk's rules, made once from its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.config.channels import Form, Mailbox
from pipeline.config.sections import Automatic, Queue
from pipeline.domain.tokens import TokenKeys


@dataclass(frozen=True, slots=True)
class Rules:
    """What the steps of intake decide by."""

    tokens: TokenKeys
    queues: Mapping[str, Queue]
    mailbox_of_address: Mapping[str, Mailbox]
    forms: Mapping[str, Form]
    default_queue: str
    sources: tuple[str, ...]
    participants: str
    automatic: Automatic

    def queue_of_form(self, name: str) -> str:
        """The queue that a form's messages go to."""
        form = self.forms.get(name)
        return (form and form.queue) or self.default_queue

    def is_ours(self, address: str) -> bool:
        """Whether it is the address of a mailbox of ours, as we write it ourselves."""
        mailbox = self.mailbox_of_address.get(address)
        return mailbox is not None and address in mailbox.addresses


def compile_rules(config: Config) -> Rules:
    """The rules that a configuration says. Raises LookupError when a secret is not there."""
    return Rules(
        tokens=TokenKeys(config.desk.domain, config.desk.keys()),
        queues={queue.name: queue for queue in config.queue},
        mailbox_of_address={
            address: mailbox for mailbox in config.mailbox for address in (*mailbox.addresses, *mailbox.via)
        },
        forms={form.name: form for form in config.form},
        default_queue=config.default_queue,
        sources=config.threading.sources,
        participants=config.threading.participants,
        automatic=config.automatic,
    )
