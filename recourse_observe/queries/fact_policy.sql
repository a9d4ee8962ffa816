-- The policy of a key that processes applied in a stretch of time around the onset: one row.
-- Parameters: $keys (a list), $from_us, $to_us (half-open), $version.
SELECT
    min(key) AS policy_key,
    min(policy_version) AS policy_version,
    count(DISTINCT instance) AS processes,
    epoch_us(min(applied_at)) AS first_us,
    epoch_us(max(applied_at)) AS last_us
FROM policies
WHERE
    list_contains($keys::VARCHAR[], key)
    AND event = 'applied'
    AND policy_version = $version
    AND epoch_us(applied_at) >= $from_us
    AND epoch_us(applied_at) < $to_us
