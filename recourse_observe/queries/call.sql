-- One call, of which call_place.sql says where it lies.
-- Parameters: $call_id, $key, $started_us.
SELECT
    call_id,
    parent_call_id,
    key,
    method,
    idempotent,
    service,
    instance,
    region,
    policy_id,
    policy_version,
    policy_source,
    policy_mode,
    policy_normalized_fields,
    epoch_us(started_at) AS started_unix_us,
    epoch_us(ended_at) AS ended_unix_us,
    duration_us,
    deadline_us,
    success,
    disposition,
    final_outcome,
    final_reason,
    attempts_run,
    retries,
    hedges,
    error_type,
    error_message,
    trace_id,
    span_id,
    attributes
FROM calls
WHERE
    call_id = $call_id
    -- Files are sorted by key and time, so that these two find the rows to read.
    AND key = $key
    AND started_at = make_timestamp($started_us::BIGINT)
