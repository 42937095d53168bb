"""Events in a database as if the relay had published them."""

import psycopg

_PUBLISH = """
WITH written AS (
    INSERT INTO event (id, key, seq, type, subject, data, at)
    SELECT gen_random_uuid(), CASE WHEN n %% 3 = 0 THEN '/email/support@desk.example'
            ELSE '00000000-0000-7000-8000-00000000000' || n %% 3 END, n, 'dev.casestream.case.' ||
        CASE WHEN n %% 2 = 1 THEN 'opened' ELSE 'appended' END || '.v1',
        CASE WHEN n %% 3 > 0 THEN (1000 + n %% 3)::text END,
        json_build_object('n', n, 'text', repeat('x', %(width)s) || E'"\\n'), '2026-03-02T09:00:00Z'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING id, seq, at
)
INSERT INTO event_position (pos, event_id, at) SELECT seq, id, at FROM written
"""


def publish(dsn: str, first: int, last: int, width: int = 3) -> None:
    """Events with the numbers `first` to `last`: odd ones of type case.opened, even ones case.appended.

    They belong by turns to case 1001, to case 1002, and to none; each has about `width` bytes of text.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_PUBLISH, {"first": first, "last": last, "width": width})
        connection.execute("UPDATE relay_state SET pos = %s", (last,))
