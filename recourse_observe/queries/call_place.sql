-- Where the calls lie whose id starts with a text; two, when the text names more than one.
-- Only what finds them: to read a few narrow columns of many rows is cheap, to read all is not.
-- Parameters: $call_id.
SELECT
    call_id,
    key,
    epoch_us(started_at) AS started_unix_us
FROM calls
-- A range, not starts_with: by a range whole files are passed over.
WHERE call_id >= $call_id AND call_id <= $call_id || chr(1114111)
ORDER BY call_id
LIMIT 2
