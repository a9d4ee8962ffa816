-- What remains of the recorded calls of one key when each makes no more than so many attempts.
-- Counted from what was recorded: what fewer attempts do to the outcome of others is not in it.
-- Parameters: those of members.sql, $onset_us, $most (attempts of a call, the first included).
WITH tried AS (
    SELECT
        m.call_id,
        any_value(m.lost) AS lost,
        any_value(m.success) AS success,
        count(a.call_id) FILTER (WHERE a.ran) AS attempts,
        count(a.call_id) FILTER (WHERE a.ran AND a.attempt < $most) AS kept,
        coalesce(bool_or(a.outcome = 'success' AND a.attempt < $most), false) AS still_won,
        coalesce(max(a.attempt) FILTER (WHERE a.ran), 0) AS last_attempt
    FROM members AS m
    LEFT JOIN attempts AS a ON m.call_id = a.call_id
    WHERE m.member_us >= $onset_us
    GROUP BY m.call_id
)

SELECT
    count(*) AS calls,
    coalesce(sum(attempts), 0)::BIGINT AS attempts,
    coalesce(sum(kept), 0)::BIGINT AS kept,
    count(*) FILTER (WHERE lost) AS failed,
    count(*) FILTER (WHERE success AND last_attempt > 0) AS rescued,
    count(*) FILTER (WHERE success AND NOT still_won AND last_attempt >= $most) AS given_up
FROM tried
