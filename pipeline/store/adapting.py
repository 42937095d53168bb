"""How values travel on intake's connection: as its driver has them travel, but sooner."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.types.array import ListDumper
from psycopg.types.json import set_json_loads


def text_array(texts: Iterable[str]) -> str:
    r"""The array of these texts.

    Source: PostgreSQL, "Array Input and Output Syntax": an element in double quotes is taken as it is, but for `"`
    and `\`, which a backslash precedes.
    """
    return "{" + ",".join(['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]) + "}"


class QuickListDumper(ListDumper):
    """Lists of texts alone or of ids alone; any other is left to the driver."""

    def dump(self, obj: list[Any]) -> Any:  # noqa: ANN401  # some bytes or none, as the driver says it
        """The literal of a list."""
        kinds = set(map(type, obj))
        if kinds == {UUID}:
            return ("{" + ",".join([one.hex for one in obj]) + "}").encode()
        if kinds == {str} and "\0" not in (literal := text_array(obj)):
            return literal.encode()
        return super().dump(obj)


def adapt(connection: AsyncConnection) -> None:
    """Let a connection write its lists so, and read what is JSON likewise."""
    connection.adapters.register_dumper(list, QuickListDumper)
    set_json_loads(orjson.loads, connection)
