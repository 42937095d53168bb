-- Answers that leave by a platform, as whoever sends them takes them.

-- name: hand_over
-- The first answer of each conversation, where it is due and its account does not rest; those after it wait for it.
-- What was handed over so long ago that its job must be lost is handed over again.
WITH head AS (
    SELECT DISTINCT ON (lane) id, ord, source, due, handed_at FROM reply WHERE state = 'queued' ORDER BY lane, ord
), due AS (
    SELECT head.id FROM head
    WHERE head.due <= %(now)s AND (head.handed_at IS NULL OR head.handed_at < %(lost)s)
        AND NOT EXISTS (SELECT FROM reply_rest WHERE reply_rest.source = head.source AND reply_rest.until > %(now)s)
    ORDER BY head.ord LIMIT %(limit)s
)
UPDATE reply SET handed_at = %(now)s FROM due
WHERE reply.id = due.id AND reply.state = 'queued' AND (reply.handed_at IS NULL OR reply.handed_at < %(lost)s)
RETURNING reply.id, reply.lane, reply.ord;

-- name: lock_reply
SELECT id, source, platform, kind, item, conversation, recipient, handle, visibility, body, words, asked_at, created_at,
    attempts, unsure, begun_at
FROM reply WHERE id = %(id)s AND state = 'queued' AND due <= %(now)s FOR UPDATE;

-- name: echo
-- What came back from the platform and was found to be this answer.
SELECT source_id FROM message WHERE activity_id = %(id)s ORDER BY received_at, id LIMIT 1;

-- name: paced
-- How many answers of this kind an account began to send since a time, and when the first of them.
SELECT count(*), min(begun_at) FROM reply
WHERE source = %(source)s AND begun_at > %(since)s AND (kind = 'message') = %(messages)s;

-- name: begin
-- From here on nobody knows what came of it, until somebody says.
UPDATE reply SET attempts = attempts + 1, unsure = true, begun_at = CASE WHEN unsure THEN begun_at ELSE %(now)s END
WHERE id = %(id)s;

-- name: known_ids
-- What else of ours stands in this conversation.
SELECT platform_id FROM reply WHERE lane = (SELECT lane FROM reply WHERE id = %(id)s) AND platform_id IS NOT NULL;

-- name: wait
UPDATE reply SET due = %(due)s, handed_at = NULL, reason = %(reason)s, unsure = %(unsure)s
WHERE id = %(id)s AND state = 'queued';

-- name: sent
UPDATE reply SET state = 'sent', unsure = false, handed_at = NULL, reason = NULL, platform_id = %(platform_id)s,
    sent_at = %(at)s
WHERE id = %(id)s AND state IN ('queued', 'failed');

-- name: known_as
-- From now on what the platform tells of it is told of this activity.
INSERT INTO activity_key (key, activity_id, message_id) VALUES (%(key)s, %(id)s, %(id)s) ON CONFLICT (key) DO NOTHING;

-- name: failed
UPDATE reply SET state = 'failed', handed_at = NULL, reason = %(reason)s, unsure = %(unsure)s
WHERE id = %(id)s AND state = 'queued';

-- name: delivered
UPDATE reply SET state = 'delivered' WHERE id = %(id)s AND state = 'sent';

-- name: rest
INSERT INTO reply_rest (source, until, reason) VALUES (%(source)s, %(until)s, %(reason)s)
ON CONFLICT (source) DO UPDATE SET until = greatest(reply_rest.until, excluded.until), reason = excluded.reason;

-- name: received
-- Answers that came to the other end, as their platform told.
SELECT reply.id, reply.platform, reply.recipient, reply.attempts, receipt.until
FROM reply_receipt AS receipt JOIN reply ON reply.places && ARRAY[receipt.place]
WHERE reply.state = 'sent' AND reply.begun_at <= receipt.until ORDER BY reply.ord LIMIT %(limit)s;

-- name: forget_receipts
-- Those that tell nothing more; one stays as long as an answer is on its way that it may be about.
DELETE FROM reply_receipt AS receipt WHERE NOT EXISTS (
    SELECT FROM reply WHERE reply.places && ARRAY[receipt.place] AND reply.begun_at <= receipt.until
        AND reply.state IN ('queued', 'sent')
);

-- name: turned_up
-- Answers that were given up and came back from the platform after all.
SELECT reply.id, reply.platform, reply.recipient, reply.attempts, message.source_id
FROM reply JOIN message ON message.activity_id = reply.id
WHERE reply.state = 'failed' AND reply.unsure ORDER BY reply.ord LIMIT %(limit)s;
