-- Mail that leaves.

-- name: insert_outbound
-- Writes what is to be sent, in order; a mail of the same Message-ID is there already.
INSERT INTO outbound (id, case_id, sender, recipient, subject, template, message_id, in_reply_to, headers, body,
    created_at, data, activity_id)
SELECT id, case_id, sender, recipient, subject, template, message_id, in_reply_to, headers, body, created_at, data,
    activity_id
FROM ROWS FROM (json_to_recordset(%(rows)s::json) AS (id uuid, case_id uuid, sender text, recipient text, subject text,
    template text, message_id text, in_reply_to text, headers jsonb, body text, created_at timestamptz, data jsonb,
    activity_id uuid))
    WITH ORDINALITY AS r (id, case_id, sender, recipient, subject, template, message_id, in_reply_to, headers, body,
        created_at, data, activity_id, place)
ORDER BY place
ON CONFLICT (message_id) DO NOTHING;
