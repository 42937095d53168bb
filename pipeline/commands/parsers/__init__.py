"""How `casestream parse` reads the files of each channel, a file for each."""

from collections.abc import Mapping

from pipeline.commands.parsers import email, social, web
from pipeline.commands.parsers.channel import Channel

CHANNELS: Mapping[str, Channel] = {"email": email.CHANNEL, "social": social.CHANNEL, "web": web.CHANNEL}
