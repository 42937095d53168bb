"""A process that sends a desk's mail round after round, an hour of the desk's time each, until somebody kills it.

python mail_child.py FOLDER DSN PORT FIRST_HOUR
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
from desk import HOUR, TEXT
from psycopg.rows import dict_row

from pipeline import app
from pipeline.config import parse_config


async def main(dsn: str, port: int, first: int) -> None:
    more = f'[mail]\nsmarthost = "smtp://127.0.0.1:{port}"\nstarttls = "never"\nconnections = 2\n'
    way = app.build_mail(parse_config(TEXT + more, {"postgres": {"dsn": dsn}}))
    hour = first
    while True:
        now = HOUR + timedelta(hours=hour, minutes=1)
        await way.look(now)
        with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
            jobs = connection.execute("DELETE FROM jobs.procrastinate_jobs RETURNING args").fetchall()
            rest = connection.execute("SELECT 1 FROM outbound WHERE state IN ('queued', 'sending')").fetchone()
        await asyncio.gather(*(way.work(job["args"], now) for job in jobs))
        if rest is None:
            await way.close()
            return
        hour += 2


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    Path(sys.argv[1], "done").touch()
