import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse_observe.cli import main

CLIENTS = """
import urllib3

pool = urllib3.PoolManager()
quiet = urllib3.PoolManager(retries=False, timeout=1.0)
count = 3

class Shop:
    inner = quiet
"""
POLICIES = '[policies."shop.Pay"]\nretry.max_attempts = 4\nretry.overall_timeout = "2s"\n'


@pytest.fixture(autouse=True)
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service in the working directory."""
    (tmp_path / "shop_clients.py").write_text(CLIENTS)
    (tmp_path / "broken_clients.py").write_text("raise RuntimeError('no settings')")
    (tmp_path / "policies.toml").write_text(POLICIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("RECOURSE_POLICY_FILE", raising=False)
    yield
    sys.modules.pop("shop_clients", None)


def test_a_service_is_looked_at_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--policy", "policies.toml", "--import", "shop_clients", "--exit-code"])

    out, err = capsys.readouterr()
    assert code == 3
    assert out.splitlines() == [
        (
            "no_budget: policy shop.Pay retries up to 3 times without a budget; name one in "
            "retry.budget, or an outage gets that many times the load"
        ),
        (
            "stacked_retries: shop_clients:pool makes 4 attempts of its own; with 4 of a policy they "
            "are 16; make it with retries=False"
        ),
        (
            "no_timeout: shop_clients:pool waits for ever when a server does not answer; make it with "
            "timeout=…"
        ),
    ]
    assert "3 complaints; looked at the installation, 2 clients, the policies of" in err


def test_one_client_can_be_named_and_a_good_one_gives_no_complaint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["doctor", "--import", "shop_clients:Shop.inner", "--exit-code", "--json"])

    out, err = capsys.readouterr()
    assert code == 0
    assert json.loads(out) == {"schema": "recourse.doctor/1", "complaints": []}
    assert "no complaint; looked at the installation, 1 client, no policy file" in err


def test_what_is_no_client_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--import", "shop_clients:count"])

    assert code == 0
    assert "shop_clients:count is a int, of which nothing is known" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "shop_clients:none", "broken_clients"])
def test_what_cannot_be_imported_is_a_mistake_of_the_user(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["doctor", "--import", name])

    assert code == 2
    assert f"--import '{name}' cannot be imported" in capsys.readouterr().err
