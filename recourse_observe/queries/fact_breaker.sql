-- What the breakers of the keys of an incident did during it, and how they closed after: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH refused AS (
    SELECT
        count(*) AS rejected,
        count(*) FILTER (WHERE attempts_run = 0) AS refused
    FROM members
    WHERE
        disposition = 'circuit_open'
        AND list_contains($keys::VARCHAR[], key)
        AND member_us >= $onset_us
        AND member_us < $offset_us
),

changed AS (
    SELECT
        to_state,
        epoch_us(changed_at) AS changed_us,
        epoch_us(changed_at) < $offset_us AS during
    FROM circuit_transitions
    WHERE
        list_contains($keys::VARCHAR[], key)
        AND epoch_us(changed_at) >= $onset_us
        AND epoch_us(changed_at) < $end_us
),

counted AS (
    SELECT
        count(*) FILTER (WHERE during AND to_state = 'open') AS opened,
        count(*) FILTER (WHERE during AND to_state = 'closed') AS closed,
        count(*) FILTER (WHERE NOT during AND to_state = 'closed') AS closed_after,
        min(changed_us) FILTER (WHERE during AND to_state = 'open') AS first_open_us,
        min(changed_us) FILTER (WHERE NOT during AND to_state = 'closed') AS closed_after_us
    FROM changed
)

SELECT
    counted.opened,
    counted.closed,
    counted.closed_after,
    counted.first_open_us,
    counted.closed_after_us,
    refused.rejected,
    refused.refused
FROM counted CROSS JOIN refused
