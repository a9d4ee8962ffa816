"""Remote policies end to end: the example control plane, the provider, an executor."""

import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse import Executor, HTTPSource, RemoteProvider, record_timeline
from recourse.errors import NoPolicyError
from recourse.policy.problems import PolicyFileError
from recourse.testing import VirtualClock

HERE = Path(__file__).parents[3] / "docs" / "examples" / "control_plane" / "control_plane.py"
KEY = "payments.Charge"
THREE = '[policies."payments.Charge"]\nretry.max_attempts = 3\nretry.initial_backoff = "1ms"\n'
FIVE = THREE.replace("3", "5")


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("control_plane", HERE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["control_plane"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def plane(example: Any, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "policies.toml").write_text(THREE)
    server = example.ControlPlane(tmp_path)
    server.folder, server.statuses = tmp_path, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Instance:
    """A service that follows the plane."""

    def __init__(self, plane: Any, name: str = "checkout-1", path: str = "") -> None:
        self.clock = VirtualClock()
        source = HTTPSource(plane.url + path, headers={"X-Instance": name})
        self.provider = RemoteProvider(source, clock=self.clock)
        self.executor = Executor(provider=self.provider, clock=self.clock, resolve_timeout_s=5.0)

    def attempts(self) -> tuple[int, str]:
        """How often a failing call is tried now, and where its policy came from."""
        with record_timeline() as capture, pytest.raises(ConnectionError):
            self.executor.call(KEY, refuse)
        assert capture.timeline is not None
        return capture.timeline.attempts_run, str(capture.timeline.attributes["policy_source"])

    def later(self) -> None:
        """Let the policy get stale, and be fetched anew."""
        self.clock.advance(70.0)


def refuse() -> None:
    raise ConnectionError


def test_a_change_is_followed_and_what_is_known_is_not_sent_again(
    plane: Any, monkeypatch: Any
) -> None:
    statuses: list[int] = []
    handler = plane.RequestHandlerClass
    send = handler.send_response

    def counted(self: Any, status: int, *rest: Any) -> None:
        statuses.append(status)
        send(self, status, *rest)

    monkeypatch.setattr(handler, "send_response", counted)
    instance = Instance(plane)

    first = instance.attempts()
    instance.later()
    same = instance.attempts()
    (plane.folder / "policies.toml").write_text(FIVE)
    instance.later()
    changed = instance.attempts()

    assert (first, same, changed) == ((3, "remote"), (3, "remote"), (5, "remote"))
    assert statuses == [200, 304, 200]


def test_a_new_file_is_tried_by_a_part_of_the_instances_that_only_grows(
    plane: Any, example: Any
) -> None:
    (plane.folder / "next.toml").write_text(FIVE)
    names = [f"checkout-{number}" for number in range(60)]

    def chosen(percent: int) -> set[str]:
        (plane.folder / "control.toml").write_text(f"percent = {percent}\n")
        return {
            name
            for name in names
            if plane.document(name) == example.policies_of(plane.folder / "next.toml")
        }

    none, some, more, everybody = chosen(0), chosen(20), chosen(50), chosen(100)

    assert none == set()
    assert some < more < everybody == set(names)
    assert 4 <= len(some) <= 24


def test_an_instance_of_that_part_follows_the_new_file(plane: Any, example: Any) -> None:
    (plane.folder / "next.toml").write_text(FIVE)
    names = sorted(
        (f"checkout-{number}" for number in range(9)), key=lambda name: example.share_of(name, "")
    )
    middle = example.share_of(names[4], "")
    (plane.folder / "control.toml").write_text(f"percent = {middle}\n")

    assert Instance(plane, names[0]).attempts() == (5, "remote")
    assert Instance(plane, names[8]).attempts() == (3, "remote")


@pytest.mark.parametrize("keys", ['["payments.Charge"]', '["*"]'])
def test_the_kill_switch_leaves_one_attempt(plane: Any, keys: str) -> None:
    instance = Instance(plane)
    before = instance.attempts()
    (plane.folder / "control.toml").write_text(f"single_attempt = {keys}\n")
    instance.later()

    assert (before[0], instance.attempts()[0]) == (3, 1)


def test_the_kill_switch_reaches_the_default_too_and_no_other_key(example: Any) -> None:
    document: dict[str, Any] = {
        "policies": {"a.B": {"hedge": {"max_hedges": 1}}, "a.C": {}},
        "default": {"retry": {"max_attempts": 4}},
    }

    one = example.switched_off(document, ["a.B"])
    every = example.switched_off(document, ["*"])
    other = example.switched_off(document, ["x.Y"])

    assert one["policies"] == {"a.B": {"retry": {"max_attempts": 1}}, "a.C": {}}
    assert one["default"] == {"retry": {"max_attempts": 4}}
    assert every["default"] == {"retry": {"max_attempts": 1}}
    assert other["policies"] == {**document["policies"], "x.Y": {"retry": {"max_attempts": 1}}}
    assert example.switched_off({"policies": {}}, ["x.Y"]) == {"policies": {}}


def test_a_key_without_a_policy_of_its_own_gets_the_default(plane: Any) -> None:
    (plane.folder / "policies.toml").write_text("[default]\nretry.max_attempts = 2\n")

    assert Instance(plane).attempts() == (2, "remote")
    assert Instance(plane, path="/{key}").attempts() == (2, "remote")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: folder, port"),
        (["nowhere", "8080"], "nowhere/policies.toml: policy file cannot be read"),
        ([".", "eighty"], "invalid int value: 'eighty'"),
    ],
)
def test_the_plane_says_what_it_needs(
    example: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        example.main(arguments)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_file_that_cannot_be_followed_changes_nothing_and_is_named(plane: Any) -> None:
    instance = Instance(plane)
    assert instance.attempts() == (3, "remote")

    (plane.folder / "policies.toml").write_text(FIVE.replace("max_attempts", "max_atempts"))
    instance.later()

    assert instance.attempts() == (3, "remote")
    assert "did you mean 'max_attempts'?" in plane.problem


@pytest.mark.parametrize("moment", [None, b"", b"\xff"], ids=["gone", "empty", "no text"])
def test_a_file_that_is_gone_or_empty_for_a_moment_takes_no_policy_away(
    plane: Any, moment: bytes | None
) -> None:
    instance = Instance(plane)
    assert instance.attempts() == (3, "remote")

    path = plane.folder / "policies.toml"
    path.unlink() if moment is None else path.write_bytes(moment)
    instance.later()

    assert instance.attempts() == (3, "remote")
    assert plane.problem.startswith(str(path))


def test_a_folder_without_policies_is_refused_at_the_start(example: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"policies\.toml: policy file cannot be read"):
        example.ControlPlane(tmp_path)


@pytest.mark.parametrize(
    "control", ["percent = 100\n", "percent = 'x'\n", "single_attempt = 5\n", "percent =", ""]
)
def test_a_control_that_cannot_be_followed_changes_nothing(plane: Any, control: str) -> None:
    """The first one can be, but there is no next.toml that instances could try."""
    (plane.folder / "control.toml").write_text(control)

    assert Instance(plane).attempts() == (3, "remote")


def test_the_last_good_policy_is_followed_while_the_plane_is_away(plane: Any) -> None:
    instance = Instance(plane)
    assert instance.attempts() == (3, "remote")

    plane.shutdown()
    plane.socket.close()
    instance.later()

    assert instance.attempts() == (3, "lkg")


def test_keys_can_be_asked_for_one_by_one(plane: Any) -> None:
    instance = Instance(plane, path="/{key}")

    assert instance.attempts() == (3, "remote")
    with pytest.raises(NoPolicyError, match="not_found"):
        instance.executor.call("nobody.Knows", refuse)
