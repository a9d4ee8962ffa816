-- What the breakers of the keys of an incident did during it: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH refused AS (
    SELECT count(*) AS rejected
    FROM members
    WHERE
        disposition = 'circuit_open'
        AND list_contains($keys::VARCHAR[], key)
        AND member_us >= $onset_us
        AND member_us < $offset_us
),

changed AS (
    SELECT
        count(*) FILTER (WHERE to_state = 'open') AS opened,
        count(*) FILTER (WHERE to_state = 'closed') AS closed,
        count(*) FILTER (WHERE to_state = 'half_open') AS probed,
        epoch_us(min(changed_at) FILTER (WHERE to_state = 'open')) AS first_open_us,
        epoch_us(max(changed_at)) AS last_change_us
    FROM circuit_transitions
    WHERE
        list_contains($keys::VARCHAR[], key)
        AND epoch_us(changed_at) >= $onset_us
        AND epoch_us(changed_at) < $offset_us
)

SELECT
    changed.opened,
    changed.closed,
    changed.probed,
    changed.first_open_us,
    changed.last_change_us,
    refused.rejected
FROM changed CROSS JOIN refused
