import importlib.util
import os
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


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "p.json",
            """
{"policies": {
    "a.B": {"retry": {"max_attempts": 1}},
    "a.B": {"retry": {"max_attempts": 2, "budget": "x"}},
    "c.D": {"retry": {
        "max_attempts": 3, "jitter": [{"x": 1}, {"x": 2}],
        "max_attempts": 4}}
}}""",
        ),
        pytest.param(
            "p.yaml",
            """
policies:
  a.B: {retry: {max_attempts: 1}}
  a.B: {retry: {max_attempts: 2, budget: x}}
  c.D: {retry: {
    max_attempts: 3, jitter: [{x: 1}, {x: 2}],
    max_attempts: 4}}
""",
            marks=needs_yaml,
        ),
    ],
)
def test_a_key_that_its_table_has_twice_is_a_mistake_with_both_lines(file: str, text: str) -> None:
    message = problem(text, file)

    assert message.splitlines() == [
        f"{file}:3: a.B is given again in line 4; keep one of them",
        f"{file}:6: c.D retry.max_attempts is given again in line 7; keep one of them",
        (
            f"{file}:6: c.D retry.jitter [{{'x': 1}}, {{'x': 2}}] is not allowed; "
            "use one of decorrelated, equal, full, none"
        ),
    ]


@pytest.mark.parametrize("separator", ["\u2028", "\x85"])
def test_only_line_feeds_end_lines(separator: str) -> None:
    text = f'[policies."a.B"]\r\nid = "one{separator}line"\r\nretry.jitter = "x"\r\n'

    assert problem(text, "p.toml").startswith("p.toml:3: a.B retry.jitter 'x' is not allowed")


@needs_yaml
def test_a_yaml_key_that_is_merged_and_given_is_no_mistake() -> None:
    text = """
default: &default
  retry: {max_attempts: 2}
policies:
  a.B:
    <<: *default
    retry: {max_attempts: 3}
"""
    assert loads(text, "p.yaml").policies == THREE


@needs_yaml
@pytest.mark.parametrize("text", ["", "# nothing", "---\n..."])
def test_a_yaml_document_without_anything_says_nothing(text: str) -> None:
    assert loads(text, "p.yaml").policies == ()


@needs_yaml
def test_a_yaml_document_that_contains_itself_is_refused() -> None:
    assert problem("policies: &p\n  a.B: *p\n", "p.yaml") == (
        "p.yaml:1: policy file is no YAML; what starts at line 1 contains itself"
    )


@needs_yaml
@pytest.mark.parametrize("row", ["[*{0}, *{0}]", "{{x: *{0}, y: *{0}}}"])
def test_a_yaml_document_of_aliases_to_aliases_is_refused_before_it_grows(row: str) -> None:
    # Each line stands for twice the values of the line above.
    rows = [f"a{n}: &a{n} {row.format(f'a{n - 1}')}\n" for n in range(1, 99)]

    assert problem("a0: &a0 x\n" + "".join(rows), "p.yaml").endswith(
        "stands for more than 1,000,000 values"
    )


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
            "a:\n - \0",
            "p.yaml:2: policy file is no YAML; unacceptable character #x0000 (at line 2)",
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


@pytest.mark.parametrize("file", ["p.json", "p.toml", pytest.param("p.yaml", marks=needs_yaml)])
def test_a_document_of_bottomless_depth_is_refused(file: str) -> None:
    text = ("a = " if file == "p.toml" else "") + "[" * 100_000

    assert problem(text, file) == (
        f"{file}: policy file is nested too deeply; "
        "write tables as a policy file has them, no more than five inside each other"
    )


@needs_yaml
def test_a_yaml_key_is_known_to_be_there_twice_inside_one_that_is_there_twice() -> None:
    text = "policies:\n  a.B: {retry: {max_attempts: 1, max_attempts: 2}}\n  a.B: {}\n"

    assert problem(text, "p.yaml").splitlines() == [
        "p.yaml:2: a.B retry.max_attempts is given again in line 2; keep one of them",
        "p.yaml:2: a.B is given again in line 3; keep one of them",
    ]


def test_a_pipe_is_refused_at_once_instead_of_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "p.toml"
    os.mkfifo(pipe)

    with pytest.raises(PolicyFileError) as caught:
        load(pipe)

    assert str(caught.value) == (
        f"{pipe}: policy file is a pipe; name a file, which can be read again"
    )


def test_yaml_without_pyyaml_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "recourse.integrations.yaml", raising=False)

    assert problem("a: 1", "p.yaml") == (
        "p.yaml: policy file needs PyYAML; "
        "install it with: pip install 'recourse-observe[policy]', or use TOML"
    )


def test_a_file_that_is_not_there_or_no_text_is_told_as_such(tmp_path: Path) -> None:
    binary, blank = tmp_path / "p.toml", tmp_path / "q.toml"
    binary.write_bytes(b"# wider\n# gr\xf6\xdfer\n")
    blank.write_text(" \n")

    with pytest.raises(PolicyFileError, match=r"policy file cannot be read; No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(PolicyFileError) as not_utf8:
        load(str(binary))
    with pytest.raises(PolicyFileError) as empty:
        load(blank)

    assert str(not_utf8.value) == (
        f"{binary}:2: policy file is no UTF-8; byte 0xf6 is in the way; save it as UTF-8"
    )
    assert str(empty.value) == (
        f"{blank}: policy file is empty; write a policy, or a comment if there is to be none"
    )


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_a_file_has_a_largest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, *, is_read: bool
) -> None:
    monkeypatch.setattr("recourse.policy.load.MAX_BYTES", 1000)
    path = tmp_path / "p.toml"
    path.write_text("#" * (1000 + more))

    if is_read:
        assert load(path).policies == ()
    else:
        with pytest.raises(PolicyFileError, match="policy file is too large; it may have 1,000"):
            load(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.toml", '[policies."a.B"]\nretry.max_attempts = 3\n'),
        ("p.json", '{"policies": {"a.B": {"retry": {"max_attempts": 3}}}}'),
    ],
)
def test_a_byte_order_mark_is_not_part_of_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")

    assert load(tmp_path / name).policies == THREE
