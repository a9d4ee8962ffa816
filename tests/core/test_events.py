import random
import typing
from typing import Any

import pytest

from recourse import events
from recourse.events import CallIds, CallInfo, Event
from recourse.key import PolicyKey
from recourse.outcome import SUCCESS
from recourse.policy.model import Policy
from recourse.reasons import Disposition
from recourse.testing import VirtualClock

CATALOGUE = {
    "call_start",
    "policy_resolved",
    "key_rejected",
    "circuit_decision",
    "circuit_state",
    "attempt_start",
    "attempt_end",
    "attempt_late",
    "retry_scheduled",
    "budget_decision",
    "budget_release",
    "hedge_spawn",
    "hedge_cancel",
    "hedging_disabled",
    "call_end",
}


def info(clock: VirtualClock | None = None, **facts: Any) -> CallInfo:
    clock = clock or VirtualClock()
    ids = CallIds(clock, random.Random(1))  # noqa: S311  # no secret
    return CallInfo(ids, "svc.Op", clock.monotonic_s(), clock.time_unix_ns(), **facts)


def start(call: CallInfo, at_s: float = 0.0) -> events.CallStart:
    return events.CallStart(call, call.seq(), at_s, None)


def test_every_event_of_the_catalogue_is_a_class_of_its_name_and_no_other_is() -> None:
    names = {kind.__name__ for kind in typing.get_args(Event)}

    assert names == {"".join(word.title() for word in name.split("_")) for name in CATALOGUE}


@pytest.mark.parametrize("kind", typing.get_args(Event), ids=lambda kind: kind.__name__)
def test_r65_every_event_carries_call_number_and_moment(kind: Any) -> None:
    assert kind._fields[:3] == ("call", "seq", "at_s")
    event = kind(info(), *range(1, len(kind._fields)))
    assert not hasattr(event, "__dict__")
    for name in (
        *("schema_version", "call_id", "parent_call_id", "key", "namespace", "policy_id"),
        *("policy_source", "t_wall_ns", "t_mono_ns", "process_id", "thread_id", "trace_id"),
        "span_id",
    ):
        assert hasattr(event, name)


def test_r65_times_are_those_of_the_call_however_the_wall_clock_is_set() -> None:
    clock = VirtualClock(start_unix_ns=1_000_000_000)
    clock.advance(5.0)
    call = info(clock)

    event = start(call, 5.25)

    assert (event.t_wall_ns, event.t_mono_ns) == (6_250_000_000, 5_250_000_000)


def test_before_a_policy_is_resolved_an_event_names_none() -> None:
    call = info()

    before = start(call).policy_id
    call.policy = Policy("svc.Op", id="named").normalize()

    assert (before, start(call).policy_id, start(call).policy_source) == ("", "named", "none")


def test_the_namespace_of_an_event_is_its_keys() -> None:
    assert start(info()).namespace == PolicyKey("svc.Op").namespace == "svc"


def test_call_ids_sort_by_their_calls_beginning_and_differ_within_a_microsecond() -> None:
    clock = VirtualClock(start_unix_ns=1_700_000_000_000_000_000)
    ids = CallIds(clock, random.Random(1))  # noqa: S311  # no secret

    made = [ids.of(ids.count(), 0.0), ids.of(ids.count(), 0.0), ids.of(ids.count(), 0.000_001)]

    assert made == sorted(set(made))
    assert {len(each) for each in made} == {24}
    assert all(set(each) <= set("0123456789abcdef") for each in made)


def test_a_call_has_one_id_and_may_be_given_it() -> None:
    own, given = info(), info(call_id="given")

    assert own.call_id == own.call_id
    assert given.call_id == "given"
    assert repr(given) == "CallInfo(call_id='given', key='svc.Op')"


def test_r78_siblings_take_other_ids_than_their_parent() -> None:
    ids = CallIds(VirtualClock(), random.Random(1))  # noqa: S311  # no secret
    before = ids.of(0, 0.0)

    ids.renew()

    assert ids.of(0, 0.0) != before
    assert len(ids.of(0, 0.0)) == 24


class Custom(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "name"),
    [(None, None), (OSError(), "OSError"), (Custom(), f"{Custom.__module__}.Custom")],
)
def test_an_error_is_named_by_its_class_and_module_unless_it_is_a_builtin(
    error: BaseException | None, name: str | None
) -> None:
    end = events.CallEnd(info(), 0, 0.0, Disposition.EXHAUSTED, SUCCESS, error, 1, 0, None)

    assert end.error_type == name


def test_r71_an_events_error_has_a_text_only_where_texts_are_captured() -> None:
    call = info()
    silent = events.CallEnd(call, 0, 0.0, Disposition.EXHAUSTED, SUCCESS, OSError("x"), 1, 0, None)
    none = silent._replace(error=None)

    before = silent.error_message
    call.message_of = str

    assert (before, silent.error_message, none.error_message) == (None, "x", None)


def test_a_call_end_says_whether_its_caller_got_a_value() -> None:
    end = events.CallEnd(info(), 0, 0.0, Disposition.SUCCESS, SUCCESS, None, 1, 0, None)

    assert end.success
    assert not end._replace(disposition=Disposition.EXHAUSTED).success


@pytest.mark.parametrize(
    "kind", [events.AttemptStart, events.AttemptEnd, events.HedgeCancel], ids=lambda k: k.__name__
)
def test_a_run_beside_a_primary_is_a_hedge(kind: Any) -> None:
    primary = kind(info(), *range(1, len(kind._fields)))._replace(hedge_index=0)

    assert not primary.is_hedge
    assert primary._replace(hedge_index=1).is_hedge


def test_a_late_attempt_is_late() -> None:
    assert events.AttemptLate(info(), 0, 0.0, 0, 0, 0.0, succeeded=True, error=None).late
