"""Lets everyone in at the embedded broker, which listens on this machine alone."""

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class AdmitAll(BaseAuthPlugin):  # type: ignore[misc]  # amqtt tells no types
    """Asks for no name; unlike amqtt's own plugin for that, it does not have the broker forget who disconnects.

    amqtt keeps nothing for a client that it calls anonymous: a connector that is away for a second would lose what
    was acknowledged to devices meanwhile.
    """

    async def authenticate(self, *, session: Session) -> bool:  # noqa: ARG002  # whoever it is
        """Everyone may."""
        return True
