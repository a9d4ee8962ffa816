-- The calls whose id starts with a text; two, when the text names more than one.
-- Parameters: $call_id.
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
-- A range, not starts_with: by a range whole files are passed over.
WHERE call_id >= $call_id AND call_id <= $call_id || chr(1114111)
ORDER BY call_id <> $call_id, call_id
LIMIT 2
