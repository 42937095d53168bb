"""Records of calls as exchanges write them, for tests."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pipeline.config.channels import PhoneFormat
from pipeline.parse.call import Call
from pipeline.parse.call_fields import Site
from pipeline.parse.phone import parse_phone

BERLIN = Site("DE", ZoneInfo("Europe/Berlin"))

CDR = (
    '"acme","030123456","100","from-internal","""Ana Silva"" <030123456>","SIP/trunk-00000001","SIP/201-00000002",'
    '"Dial","SIP/201,30","2026-03-02 10:00:00","2026-03-02 10:00:12","2026-03-02 10:05:12",312,300,"ANSWERED",'
    '"DOCUMENTATION","1772442000.1",""\n'
)
"""Ana calls extension 100 at ten in Berlin; telephone 201 answers after twelve seconds."""


def at(text: str) -> datetime:
    """A time in UTC, on the day of the examples."""
    return datetime.fromisoformat(f"2026-03-02T{text}").replace(tzinfo=UTC)


def read(raw: bytes | str, format_: PhoneFormat | None = None, site: Site = BERLIN) -> list[Call]:
    """The calls that a file tells of."""
    return list(parse_phone(raw.encode() if isinstance(raw, str) else raw, site, format_))


def read_one(raw: bytes | str, format_: PhoneFormat | None = None, site: Site = BERLIN) -> Call:
    """The one call that it tells of."""
    (call,) = read(raw, format_, site)
    return call


def cel(*events: str) -> str:
    """Rows of a channel event log from `TYPE SECONDS CHANNEL [column=value…]`; the channel `a` is the caller's."""
    names = ("cid_name", "cid_num", "ani", "rdnis", "dnid", "exten", "context", "channame", "appname", "appdata")
    channels = {"a": "SIP/trunk-00000001", "b": "SIP/201-00000002", "c": "SIP/202-00000003"}
    rows = []
    for event in events:
        type_, seconds, channel, *pairs = event.split()
        values = {"channame": channels[channel], **dict(pair.split("=", 1) for pair in pairs)}
        columns = [type_, f"{1772442000 + float(seconds):.6f}", *(values.get(name, "") for name in names)]
        columns += ["3", "", f"1.{ord(channel) - 97}", "1.0", "", "", "", values.get("extra", "")]
        rows.append(",".join('"' + column.replace('"', '""') + '"' for column in columns))
    return "\n".join(rows) + "\n"
