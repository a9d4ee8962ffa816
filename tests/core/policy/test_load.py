import importlib.util
import sys
from pathlib import Path

import pytest

from recourse.policy import Policy, RetryPolicy
from recourse.policy.load import load, loads
from recourse.policy.problems import PolicyFileError

THREE = (Policy("a.B", retry=RetryPolicy(max_attempts=3)),)
needs_yaml = pytest.mark.skipif(
    importlib.util.find_spec("yaml") is None, reason="PyYAML is not installed"
)


def problem(text: str, file: str) -> str:
    with pytest.raises(PolicyFileError) as caught:
        loads(text, file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("p.toml", '[policies."a.B"]\nretry.max_attempts = 3\n'),
        ("p.TOML", '[policies."a.B"]\nretry.max_attempts = 3\n'),
        ("p.json", '{"policies": {"a.B": {"retry": {"max_attempts": 3}}}}'),
        pytest.param("p.yaml", "policies: {a.B: {retry: {max_attempts: 3}}}", marks=needs_yaml),
        pytest.param("p.yml", "policies:\n  a.B:\n    retry: {max_attempts: 3}", marks=needs_yaml),
    ],
)
def test_the_suffix_tells_the_format(file: str, text: str) -> None:
    read = loads(text, file)

    assert (read.name, read.policies) == (file, THREE)


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[policies."a.B"]\nretry.max_attempts = 3\n', encoding="utf-8")

    read = load(path)

    assert (read.name, read.policies) == (str(path), THREE)
    assert read.line(("policies", "a.B"), "retry.max_attempts") == 2


JSON = r"""{
  "policies": {
    "a.\u0042": {"idempotent": [true, "x", {"y": 1}],
      "id": "}{,:\"", "retry": {
        "max_attempts": 3,
        "budget": "b"
      }
    }
  },
  "default": {}
}"""
YAML = """\
policies:
  a.B:
    retry: &retry
      max_attempts: 3

      budget: {name: b}
  c.D:
    retry: *retry
default: {}
"""


@pytest.mark.parametrize(
    ("file", "text", "lines"),
    [
        ("p.json", JSON, (3, 4, 5, 6, 10)),
        pytest.param("p.yaml", YAML, (2, 3, 4, 6, 9), marks=needs_yaml),
    ],
)
def test_keys_have_lines_in_every_format(file: str, text: str, lines: tuple[int, ...]) -> None:
    with pytest.raises(PolicyFileError) as caught:
        loads(text.replace("default", "defualt"), file)

    assert caught.value.problems[-1].line == lines[-1]
    read = loads(text.replace('"idempotent": [true, "x", {"y": 1}],', ""), file)
    section = ("policies", "a.B")
    fields = ("", "retry", "retry.max_attempts", "retry.budget")
    assert [read.line(section, each) for each in fields] == list(lines[:-1])
    assert read.line(("default",)) == lines[-1]


@needs_yaml
def test_a_document_that_contains_itself_has_lines_for_what_policies_have() -> None:
    from recourse.integrations.yaml import lines

    known = lines("a: &a\n  b: *a\n")

    assert known["a", "b"] == 2
    assert max(map(len, known)) == 6


def test_what_is_not_wrong_in_a_file_is_known_beside_its_problems() -> None:
    text = """
        default = { foo = 1 }
        fallback = { id = "f" }
        [policies]
        "a.B" = { retry = { max_attempts = 3 } }
        "c.D" = { retry = 5 }
        [budgets]
        good = { kind = "unlimited" }
        bad = { kind = "unlimitde" }
    """
    with pytest.raises(PolicyFileError) as caught:
        loads(text, "p.toml")

    rest = caught.value.rest
    assert rest is not None
    assert (rest.policies, rest.default, rest.fallback) == (THREE, None, Policy("fallback", id="f"))
    assert list(rest.budgets) == ["good"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "p.toml",
            "a = \n",
            "p.toml:1: policy file is no TOML; Invalid value (at line 1, column 5)",
        ),
        (
            "p.json",
            '{"a":\n}',
            "p.json:2: policy file is no JSON; Expecting value: line 2 column 1 (char 6)",
        ),
        pytest.param(
            "p.yaml",
            "a: 1\nb: [",
            "p.yaml:2: policy file is no YAML; expected the node content, but found "
            "'<stream end>' (at line 2)",
            marks=needs_yaml,
        ),
        pytest.param(
            "p.yaml",
            "a: \0",
            "p.yaml: policy file is no YAML; unacceptable character #x0000: special characters "
            'are not allowed\n  in "<unicode string>", position 3',
            marks=needs_yaml,
        ),
        ("p.jso", "", "p.jso: policy file has an unknown format '.jso'; did you mean '.json'?"),
        (
            "policies",
            "",
            "policies: policy file has an unknown format ''; use one of .json, .toml, .yaml, .yml",
        ),
        ("p.toml", "polices = 1", "p.toml:1: polices is not known; did you mean 'policies'?"),
        ("p.json", '{"polices": 1}', "p.json:1: polices is not known; did you mean 'policies'?"),
    ],
)
def test_a_text_that_cannot_be_read_says_where_and_why(file: str, text: str, message: str) -> None:
    assert problem(text, file) == message


def test_a_document_of_bottomless_depth_is_refused() -> None:
    assert "policy file is no JSON" in problem("[" * 100_000, "p.json")


def test_yaml_without_pyyaml_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "recourse.integrations.yaml", raising=False)

    assert problem("a: 1", "p.yaml") == (
        "p.yaml: policy file needs PyYAML; "
        "install it with: pip install 'recourse-observe[policy]', or use TOML"
    )


def test_a_file_that_is_not_there_or_no_text_is_told_as_such(tmp_path: Path) -> None:
    binary = tmp_path / "p.toml"
    binary.write_bytes(b"\xff\xfe")

    with pytest.raises(PolicyFileError, match=r"policy file cannot be read; .*No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(PolicyFileError, match="policy file cannot be read; 'utf-8' codec"):
        load(str(binary))
