"""Signs in words: what speaks for a cause, or against it."""

from typing import Final

from recourse_observe.story.detectors.signs import Sign
from recourse_observe.text import printable

__all__ = ["sign"]

_SIGNS: Final = {
    "at_the_change": "the nearest change of policy was {onset_s:.0f} s from the onset",
    "attempts_failed": "{failed_share:.1%} of attempts failed",
    "budget_missing": "{missing_share:.1%} of denials were for want of a budget",
    "callers_mistakes": "{mistake_share:.1%} of failures were answers to wrong requests",
    "calls_rate": "calls/s {calls_per_s_before:.1f} before, {calls_per_s:.1f} during",
    "cancelled": "{cancelled_share:.1%} of lost calls were given up by their callers",
    "cancelled_early": "cancelled attempts had run {waited_ratio:.1f} times the usual median",
    "closed": "{opened} openings and {closed} closings of breakers",
    "conflicts": "{conflict_share:.1%} of retries met a conflict",
    "cut_off": "{cut_share:.1%} of failures ended at their time limit",
    "dependents": "keys whose calls depend on these: {dependents}",
    "denied": "{denied_share:.1%} of lost calls were denied a retry",
    "dependencies": "dependencies in trouble: {dependencies}",
    "doomed": "{doomed_share:.1%} of calls that met a failure were lost",
    "dose_response": "processes that took a new policy became worse by {response:.1%} of calls",
    "ended_with_calls": "{calls_per_s_after:.1f} calls/s afterwards",
    "ended_with_fewer_hedges": "hedges per call were {hedges_per_call_after:.2f} afterwards",
    "ended_with_less_load": "attempts per call were {amplification_after:.2f} afterwards",
    "failed_quickly": "{quick_share:.1%} of failures came quickly",
    "failures_rose": "failing attempts {failed_share_before:.1%} before, {failed_share:.1%} during",
    "field_fits": "what went wrong follows from the changed fields to {field_fits:.0%}",
    "first_conflicts": "{first_conflict_share:.1%} of first attempts met a conflict",
    "first_failed": "{first_failed_share:.1%} of first attempts failed",
    "goodput": "successes came at {goodput:.2f} times the usual rate of calls",
    "hedges": "hedges per call {hedges_per_call_before:.2f} before, {hedges_per_call:.2f} during",
    "hedges_succeeded": "{retry_success:.1%} of hedges succeeded",
    "independent": "other tries succeeded in {retry_success:.1%}, first attempts in {first_success:.1%}",
    "laboured": "attempts that were worked on came at {laboured_share:.2f} times the usual rate of calls",
    "limited": "{limited_share:.1%} of failures said that there were too many requests",
    "makeshift_policies": "{refused_share:.1%} of losses lacked a policy, {makeshift_share:.1%} of calls had a makeshift one",
    "new_keys": "{new_keys} keys were new",
    "no_change": "no change of policy was near the onset",
    "no_jitter": "the jitter of the policy is {jitter}",
    "one_process": "{worst_share:.1%} of the trouble was in one process",
    "opened": "breakers opened {opened_per_min:.1f} times a minute",
    "others_suffer": "{innocent_share:.1%} of calls failed in processes that had not taken the change",
    "overloaded": "{timeout_share:.1%} of failures were timeouts",
    "peers": "failures were spread over {peers} known servers",
    "rejected": "{rejected_share:.1%} of lost calls were refused by a breaker",
    "resolve_failed": "{resolve_failed} failed resolutions of a policy",
    "retried": "{retried_share:.2f} failing retries for each failing first attempt",
    "retries": "{amplification:.2f} attempts per call",
    "retries_succeeded": "{retry_success:.1%} of retries succeeded",
    "silent": "nine in ten failures were over {silent_s:.0f} s before the end",
    "slower": "successes took {latency_ratio:.1f} times the usual, {timeout_share:.1%} of failures were timeouts",
    "smooth": "retries came with a Fano factor of {fano:.1f}",
    "staged": "processes took the change within {spread_s:.0f} s",
    "storm": "{amplification:.2f} attempts per call, {accepted_per_s:.1f} attempts/s accepted, usual {calls_per_s_before:.1f} calls/s",
    "stuck": "breakers that stayed open: {stuck}",
    "surge_first": "calls at the onset were {lead:.1f} times the usual",
    "timeout_margin": "the time limit is {timeout_margin:.1f} times the usual median",
}


def sign(one: Sign) -> str:
    """A sign in words."""
    return printable(_SIGNS[one.kind].format(**one.values))
