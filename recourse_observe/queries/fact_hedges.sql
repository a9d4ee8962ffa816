-- Hedges on the keys of an incident, before it and during it, and what became of them: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH wins AS (
    SELECT count(*) AS won
    FROM hedges
    WHERE
        result = 'won'
        AND list_contains($keys::VARCHAR[], key)
        AND epoch_us(spawned_at) >= $onset_us
        AND epoch_us(spawned_at) < $offset_us
),

spawned AS (
    SELECT
        coalesce(sum(hedges * sample_weight) FILTER (WHERE member_us >= $onset_us), 0)::BIGINT
            AS hedges,
        coalesce(sum(sample_weight) FILTER (WHERE member_us >= $onset_us), 0)::BIGINT AS calls,
        coalesce(sum(hedges * sample_weight) FILTER (WHERE member_us < $onset_us), 0)::BIGINT
            AS hedges_before,
        coalesce(sum(sample_weight) FILTER (WHERE member_us < $onset_us), 0)::BIGINT AS calls_before
    FROM members
    WHERE list_contains($keys::VARCHAR[], key) AND member_us < $offset_us
)

SELECT
    spawned.hedges,
    spawned.calls,
    spawned.hedges_before,
    spawned.calls_before,
    wins.won
FROM spawned CROSS JOIN wins
