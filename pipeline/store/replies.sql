-- Answers that leave by a platform.

-- name: insert_replies
INSERT INTO reply (id, case_id, source, platform, kind, lane, item, conversation, recipient, handle, visibility, body,
    asked_at, places, words, created_at, due)
SELECT id, case_id, source, platform, kind, lane, item, conversation, recipient, handle, visibility, body, asked_at,
    places, words, created_at, created_at
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid, source text, platform text, kind text, lane text,
    item text, conversation text, recipient text, handle text, visibility text, body text, asked_at timestamptz,
    places text[], words text, created_at timestamptz);

-- name: asked
-- The item that an answer is for: the one that is named, else what the customer wrote last and still stands there (or
-- whoever wrote, where the customer is another one by now); as the first message of it told it.
SELECT r.case_id, item.id, told.source, told.facts, told.raw, last.at
FROM unnest(%(cases)s::uuid[], %(activities)s::uuid[]) AS r (case_id, activity_id)
JOIN cases ON cases.id = r.case_id
CROSS JOIN LATERAL (
    SELECT id FROM activity
    WHERE activity.case_id = r.case_id AND kind = 'social' AND direction = 'in' AND sender IS NOT NULL
        AND (r.activity_id IS NULL OR activity.id = r.activity_id)
    ORDER BY coalesce(activity.contact_id = cases.contact_id, false) DESC, hidden, at DESC, id DESC LIMIT 1
) AS item
CROSS JOIN LATERAL (
    SELECT message.source, message.facts, raw_message.raw
    FROM message JOIN raw_message ON raw_message.message_id = message.id
    WHERE message.activity_id = item.id ORDER BY message.received_at, message.id LIMIT 1
) AS told
CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM activity
    WHERE activity.case_id = r.case_id AND kind = 'social' AND direction = 'in' AND sender IS NOT NULL
) AS last;

-- name: awaited
-- Answers that may come back under one of these keys, the latest first.
SELECT id, case_id, places, words, platform_id FROM reply
WHERE places && %(places)s::text[] ORDER BY ord DESC LIMIT %(most)s;

-- name: write_receipts
-- Up to when what we said was received; kept where something of ours waits for it.
INSERT INTO reply_receipt (place, until)
SELECT place, until FROM json_to_recordset(%(rows)s::json) AS r (place text, until timestamptz)
WHERE EXISTS (SELECT FROM reply WHERE places && ARRAY[r.place] AND reply.state IN ('queued', 'sent'))
ORDER BY place COLLATE "C"
ON CONFLICT (place) DO UPDATE SET until = greatest(reply_receipt.until, excluded.until);
