"""Rows of answers: each class is made when it is first named."""

import subprocess
import sys

import pytest

from recourse_observe.queries import rows

A_CALL = "from recourse_observe.queries.rows import CallRow"
MADE = "import sys; print(*sorted(m for m in sys.modules if m.startswith('recourse_observe.queries.rows.')))"


def test_every_row_has_a_home() -> None:
    assert {getattr(rows, name).__name__ for name in rows.__all__} == set(rows.__all__)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoRow'"):
        _ = rows.NoRow


def test_only_what_is_named_is_made() -> None:
    command = [sys.executable, "-c", f"{A_CALL}; {MADE}"]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.split() == ["recourse_observe.queries.rows.calls"]
