-- The queue of what leaves the desk: statements on Procrastinate's tables, in our own transactions.

-- name: defer
-- Queues jobs; they are there when the transaction commits, and its workers are woken then.
SELECT jobs.procrastinate_defer_jobs_v1(ARRAY(
    SELECT ROW(job.queue, job.queue, 0, job.lock, NULL, job.args, job.at)::jobs.procrastinate_job_to_defer_v1
    FROM unnest(%(queues)s::text[], %(locks)s::text[], %(args)s::jsonb[], %(ats)s::timestamptz[])
        WITH ORDINALITY AS job (queue, lock, args, at, place)
    ORDER BY place
));

-- name: standing
-- How many jobs of each queue are due or being done, and since when the oldest of them is due.
SELECT queue_name, count(*), min(coalesce(scheduled_at, (
    SELECT min(at) FROM jobs.procrastinate_events WHERE job_id = job.id), %(now)s))
FROM jobs.procrastinate_jobs AS job
WHERE status IN ('todo', 'doing') AND (scheduled_at IS NULL OR scheduled_at <= %(now)s)
GROUP BY queue_name;
