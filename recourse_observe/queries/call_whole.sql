-- Where the call of an id lies: an equality, by which single row groups are found.
-- Parameters: $call_id.
SELECT
    call_id,
    key,
    epoch_us(started_at) AS started_unix_us
FROM calls
WHERE call_id = $call_id
ORDER BY started_at
LIMIT 1
