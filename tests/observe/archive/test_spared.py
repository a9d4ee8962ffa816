import subprocess
import sys

import pytest

IMPORTING = """
import gc, sys
from recourse_observe.archive.spared import spared
with spared():
    import duckdb, pyarrow.parquet
    assert not gc.isenabled()
assert gc.isenabled()
assert duckdb.__version__ == "0"
print(*({"numpy", "pandas", "importlib.metadata", "email.message"} & set(sys.modules)))
from importlib.metadata import version
assert version("duckdb") != "0"
"""


@pytest.mark.slow
def test_a_worker_imports_arrow_and_duckdb_and_nothing_besides() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=True
    )

    assert done.stdout == "\n"


def test_what_is_known_already_stays_itself() -> None:
    known = """
import importlib.metadata, sys
from recourse_observe.archive.spared import spared
with spared():
    assert sys.modules["importlib.metadata"] is importlib.metadata
    try:
        import numpy
    except ModuleNotFoundError as absent:
        print(absent.name)
"""
    done = subprocess.run([sys.executable, "-c", known], capture_output=True, text=True, check=True)

    assert done.stdout == "numpy\n"
