-- What arrived and what agents did in a period, for the journal of it.

-- name: concerned
-- The cases of which anything happened in the period, and those that these follow, answer, belong to or went into:
-- what became of a message depends on what they had seen before. With a source, those of its messages alone.
WITH RECURSIVE seed AS (
    SELECT case_id AS id FROM message
    WHERE received_at >= %(since)s AND received_at < %(until)s AND (%(source)s::text IS NULL OR source = %(source)s)
    UNION
    SELECT activity.case_id FROM message JOIN activity ON activity.id = message.activity_id
    WHERE message.received_at >= %(since)s AND message.received_at < %(until)s
        AND (%(source)s::text IS NULL OR message.source = %(source)s)
    UNION
    SELECT case_id FROM deed WHERE %(source)s::text IS NULL AND at >= %(since)s AND at < %(until)s
    UNION
    SELECT key::uuid FROM event
    WHERE %(source)s::text IS NULL AND at >= %(since)s AND at < %(until)s AND subject IS NOT NULL
), related AS (
    SELECT id FROM seed WHERE id IS NOT NULL
    UNION
    SELECT other.id FROM related JOIN cases ON cases.id = related.id
    CROSS JOIN LATERAL unnest(ARRAY[cases.follow_up_of, cases.linked_to, cases.merged_into, cases.parent]) AS other (id)
    WHERE other.id IS NOT NULL
), merged AS (
    SELECT id FROM related
    UNION
    SELECT case_merge.merged FROM merged JOIN case_merge ON case_merge.survivor = merged.id
)
SELECT id FROM merged;

-- name: messages
-- The messages of the period, and of before those of the cases concerned, those about the same call or item, and those
-- that are the same; in the order in which they were settled.
WITH period AS (
    SELECT id, activity_id, source_id, outcome FROM message
    WHERE received_at >= %(since)s AND received_at < %(until)s AND (%(source)s::text IS NULL OR source = %(source)s)
), wanted AS (
    SELECT id FROM period
    UNION
    SELECT message.id FROM message WHERE message.case_id = ANY(%(cases)s::uuid[]) AND received_at < %(until)s
    UNION
    SELECT message.id FROM activity JOIN message ON message.activity_id = activity.id
    WHERE activity.case_id = ANY(%(cases)s::uuid[]) AND message.received_at < %(until)s
    UNION
    SELECT message.id FROM period JOIN message ON message.activity_id = period.activity_id
    WHERE message.received_at < %(since)s
    UNION
    SELECT message.id FROM period JOIN message ON message.source_id = period.source_id
    WHERE period.outcome = 'duplicate' AND message.received_at < %(since)s
)
SELECT message.id, message.channel, message.source, message.source_id, message.received_at, message.content_type,
    message.facts, raw_message.raw, message.dataref, message.activity_id, message.case_id, message.outcome,
    message.matched_by, message.reason, message.id IN (SELECT id FROM period), message.topic, message.partition,
    message.log_offset
FROM wanted JOIN message ON message.id = wanted.id LEFT JOIN raw_message ON raw_message.message_id = message.id
ORDER BY message.id;

-- name: deeds
-- What agents did to the cases concerned, until the end of the period, and what is of no case.
SELECT id, case_id, at, actor_id, verb, data, activity_id, at >= %(since)s
FROM deed WHERE case_id = ANY(%(cases)s::uuid[]) AND at < %(until)s
    OR case_id IS NULL AND at < %(until)s AND verb IN ('Release', 'Drop')
    OR %(source)s::text IS NULL AND case_id IS NULL AND at < %(until)s
        AND (at >= %(since)s OR verb IN ('Plan', 'MergeContacts', 'UnmergeContact'))
    OR %(source)s::text IS NULL AND id IN (
        SELECT DISTINCT ON (data ->> 'agent') id FROM deed WHERE verb = 'BePresent' AND at < %(since)s
        ORDER BY data ->> 'agent', at DESC, id DESC
    )
ORDER BY id;
