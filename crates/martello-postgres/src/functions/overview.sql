-- The entries with the state of their leases.
CREATE VIEW __.overview AS
SELECT e.seq, e.id, e.queue, CASE WHEN s.seq IS NULL THEN e.state ELSE 1 END::smallint AS state, e.reason,
    e.revision, e.order_key, e.dedup_key, e.repeatable,
    e.attempts + (s.seq IS NOT NULL)::integer AS attempts, e.tries + (s.seq IS NOT NULL)::integer AS tries,
    e.max_attempts, e.created_at, e.due_at, e.expires_at, coalesce(s.since, e.changed_at) AS changed_at,
    e.last_outcome, e.last_status, e.last_tracking_id, e.kept, e.job, e.superseded_by, e.overtaken, r.method, r.url
FROM __.entry e
JOIN __.request r ON r.entry = e.seq AND r.number = e.revision
LEFT JOIN __.slot s ON s.seq = e.seq;
