"""Calls of the same shape as one are counted, and a filter chooses them."""

import json
from pathlib import Path

import pytest

from recourse_observe.cli import main
from recourse_observe.queries.archive import open_archive
from recourse_observe.queries.same import same_shape
from recourse_observe.scope import EVERYTHING

pytestmark = pytest.mark.slow
SAMPLE = Path(__file__).parents[3] / "sample-data" / "checkout-outage"


def test_the_filter_of_a_shape_chooses_its_calls_and_no_others() -> None:
    with open_archive(SAMPLE, trusted=True) as archive:
        shapes = {(row.shape, row.disposition): row for row in archive.shapes(limit=1_000)}
        assert {"no attempt", "success"} <= {shape for shape, _ in shapes}
        for row in [*shapes.values()][:8]:
            whole = archive.call(row.example)
            same = same_shape(archive, EVERYTHING, whole)
            page = archive.calls(same.scope, limit=1)

            assert (same.shape, whole.call.disposition) in shapes
            assert same.shape == row.shape
            assert page.total == same.calls
            assert same.calls <= row.calls
            assert same.share == same.calls / same.of_calls


def test_a_call_outside_the_scope_has_none_of_its_shape_in_it() -> None:
    with open_archive(SAMPLE, trusted=True) as archive:
        (row,) = archive.shapes(limit=1)
        whole = archive.call(row.example)
        same = same_shape(archive, EVERYTHING.during(0, 1), whole)

    assert (same.calls, same.of_calls, same.share) == (0, 0, 0.0)


def test_the_command_counts_calls_of_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    with open_archive(SAMPLE, trusted=True) as archive:
        call_id = next(r.example for r in archive.shapes() if r.shape == "http_503 → denied")
    argv = ["call", str(SAMPLE), call_id, "--same", "--until", "00:14:30", "--trust"]

    codes = [main(argv), main([*argv, "--json"])]
    out = capsys.readouterr().out
    text, document = out[: out.index("{\n")], json.loads(out[out.index("{\n") :])

    assert codes == [0, 0]
    same = document["same_shape"]
    assert same["where"] == "'shape:http_503 → denied' disposition:budget_denied"
    assert same["calls"] == 6
    assert f"same shape: 6 of {same['of_calls']} calls of its key" in text
    assert text.endswith(f"--where  {same['where']}\n")
