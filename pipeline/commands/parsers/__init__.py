"""How `casestream parse` reads the files of each channel, a file for each."""

from collections.abc import Mapping

from pipeline.commands.parsers import email, iot, phone, social, web
from pipeline.commands.parsers.channel import Channel

CHANNELS: Mapping[str, Channel] = {
    "email": email.CHANNEL,
    "iot": iot.CHANNEL,
    "phone": phone.CHANNEL,
    "web": web.CHANNEL,
    "social": social.CHANNEL,
}
