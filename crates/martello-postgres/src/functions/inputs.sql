-- The composite types of what operations are given. A caller sends a JSON array of objects, which an
-- operation reads with `json_populate_recordset`. An array of the composite type itself would have to name
-- the type by its OID, which each connection would first have to look up, and look up again after each
-- upgrade of the schema.

-- An attempt that has ended. `outcome` is never NULL.
CREATE TYPE __.attempt_input AS (
    number integer, revision integer, started_at bigint, duration bigint, outcome text, status smallint, tracking_id text,
    fault text, worker text
);

-- An entry to store. Its body comes in an array of its own, because JSON has no bytes.
CREATE TYPE __.entry_input AS (
    id uuid, queue text, order_key text, supersede boolean, dedup_key text, delay bigint, expires_in bigint,
    max_attempts bigint, repeatable boolean, dead text, method text, url text, headers text, sealed boolean, host text,
    authority text, attempts __.attempt_input[]
);

-- The end of a lease, and what it does to the hold of its authority.
CREATE TYPE __.settlement_input AS (
    slot integer, seq bigint, fence uuid, id uuid,
    -- The new state of the entry, and the reason if that is dead.
    state smallint, reason text,
    -- After how long the entry is due again.
    wait bigint,
    -- How many tries it counts; NULL if the request was not sent.
    tries integer,
    attempt __.attempt_input,
    -- The position among the settlements of the call, from 0.
    position integer,
    -- How surely it overtakes older dead letters of its key; NULL if it does not.
    overtakes smallint,
    -- Whether the API answered; NULL if that is unknown.
    answered boolean,
    -- If it did not answer: the number of holds in a row that the claim knew, and how long the next lasts,
    -- and why.
    hold_after bigint, hold_wait bigint, hold_why text
);
