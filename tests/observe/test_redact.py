import pytest
from hypothesis import given, strategies as st

from recourse import Executor, Policy, RetryPolicy, record_timeline
from recourse_observe.redact import MARK, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://shop:s3cret@db:5432/shop", f"postgres://{MARK}@db:5432/shop"),
        ("amqp://shop:p@ss@mq/vhost is down", f"amqp://{MARK}@mq/vhost is down"),
        ("https://ghtoken@git.example/x.git", f"https://{MARK}@git.example/x.git"),
        ("Authorization: Digest user=a, nonce=b", f"Authorization: {MARK}"),
        ("{'Authorization': 'Bearer abc'}", f"{{'Authorization': '{MARK}'}}"),
        ("Set-Cookie: session=1; Path=/\nnext", f"Set-Cookie: {MARK}\nnext"),
        ("sent Bearer abcdefgh12345", f"sent Bearer {MARK}"),
        ("basic dXNlcjpwYXNz was refused", f"basic {MARK} was refused"),
        (f"jwt {JWT} expired", f"jwt {MARK} expired"),
        ("key sk-proj-abcdefghijklmnop1234 is invalid", f"key {MARK} is invalid"),
        ("ghp_abcdefghijklmnopqrst012345", MARK),
        ("id AKIAABCDEFGHIJKLMNOP.", f"id {MARK}."),
        ("slack xoxb-1234567890-abc", f"slack {MARK}"),
        ("user=ann password=hunter2, retry", f"user=ann password={MARK}, retry"),
        ('{"client_secret": "a b c", "id": 7}', f'{{"client_secret": {MARK}, "id": 7}}'),
        ("DB_PASSWORD='two words' rest", f"DB_PASSWORD={MARK} rest"),
        ("GET /v1?api_key=abc&page=2", f"GET /v1?api_key={MARK}&page=2"),
        ("X-Api-Key: abc", f"X-Api-Key: {MARK}"),
        ("AWS_SECRET_ACCESS_KEY=ab/cd+ef", f"AWS_SECRET_ACCESS_KEY={MARK}"),
        ('password="cut off', f"password={MARK}"),
        ("card 4111 1111 1111 1111 refused", f"card {MARK} refused"),
        ("card 4111-1111-1111-1111", f"card {MARK}"),
        ("amex 378282246310005", f"amex {MARK}"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
            f"{MARK}\nrest",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", MARK),
        ("next=https%3A%2F%2Fu%3Ap%40host%2F", f"next=https%3A%2F%2F{MARK}%40host%2F"),
        (r"https:\/\/u:p@host\/", rf"https:\/\/{MARK}@host\/"),
        ("https://host/?sig=abc&v=1", f"https://host/?sig={MARK}&v=1"),
        ("to=%2Fx%3Ftoken%3Dabc%26y%3D1", f"to=%2Fx%3Ftoken%3D{MARK}%26y%3D1"),
        ('Authorization: Digest username="u", response="6f"', f"Authorization: {MARK}"),
        ('Cookie: a="1"; sid=2\nnext', f"Cookie: {MARK}\nnext"),
        ("-H 'Cookie: a=1' -v", f"-H 'Cookie: {MARK}' -v"),
        (r"b'Authorization: Token a\r\nHost: h'", rf"b'Authorization: {MARK}\r\nHost: h'"),
        (
            "{b'authorization': b'Token a', b'x': b'y'}",
            f"{{b'authorization': b'{MARK}', b'x': b'y'}}",
        ),
        (
            r"{\"Authorization\": \"Token a\", \"x\": 1}",
            rf"{{\"Authorization\": \"{MARK}\", \"x\": 1}}",
        ),
        (
            "[('authorization', 'Token a'), ('b', 'c')]",
            f"[('authorization', '{MARK}'), ('b', 'c')]",
        ),
        ("{'Cookie': ['a=1', 'b=2']}", f"{{'Cookie': {MARK}}}"),
        ("HTTP_COOKIE: a=1", f"HTTP_COOKIE: {MARK}"),
        (r"{\"password\": \"a b\", \"c\": 1}", rf"{{\"password\": {MARK}, \"c\": 1}}"),
        (r'"password":"a\"b", "c": 1', f'"password":{MARK}, "c": 1'),
        ("('password', 'a b')", f"('password', {MARK})"),
        ("password=b'a b' c", f"password={MARK} c"),
        ("run --password a b", f"run --password {MARK} b"),
        ("<wsse:Password>a b</wsse:Password>", f"<wsse:Password>{MARK}</wsse:Password>"),
        ("secretKey=a, pass=b, user_pass: c", f"secretKey={MARK}, pass={MARK}, user_pass: {MARK}"),
        ("token_ghp_abcdefghijklmnopqrst012345", f"token_{MARK}"),
        ("card 4111111111111111 123", f"card {MARK} 123"),
        ("card 4111 1111 1111 1111 12/26", f"card {MARK} 12/26"),
        ("4111.1111.1111.1111", MARK),
        ("4111\u00a01111\u00a01111\u00a01111", MARK),
        ("card=4111%201111%201111%201111", f"card={MARK}"),
        ("\u0664" + "\u0661" * 15, MARK),
    ],
)
def test_a_secret_is_taken_out(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "connection refused: db:5432",
        "GET https://api.example/users?email=ann@example.org answered 503",
        "max_tokens: 100 is too many",
        "order 4111111111111112 is no card",
        "at 1700000000000000000 ns",
        "basic checks failed",
        "took 4.111111111111111 s",
        "took 4111.111111111111 s",
        "from 54.239.128.85 to 54.239.128.86",
        "missing fields 'password', 'email'",
        "allow_headers=['Authorization', 'Content-Type']",
        "pass: 12 tests, bypass=1, compass: north, tokens=128",
        "killed by sig: 9",
        "risk-assessment-of-the-whole-company failed",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=300))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact(text)

    assert redact(once) == once


@given(
    st.lists(
        st.sampled_from(
            [
                "password=",
                "token: ",
                "://",
                "@",
                "Bearer ",
                '"',
                "'",
                " ",
                "a",
                "4111",
                "-----BEGIN PRIVATE KEY-----",
            ]
        ),
        max_size=40,
    )
)
def test_redacting_twice_is_redacting_once_amid_secrets(parts: list[str]) -> None:
    once = redact("".join(parts))

    assert redact(once) == once


@pytest.mark.parametrize(
    "part",
    ["://a", "4", "4111 ", "password", "a@", "eyJaaaaaaaa.", '"', "-----BEGIN PRIVATE KEY-----"],
)
def test_a_long_hostile_text_is_read_to_its_end(part: str) -> None:
    assert redact(part * (65_536 // len(part))) != "unread"


def test_an_executor_that_captures_messages_keeps_no_secret() -> None:
    def refuse() -> None:
        message = "cannot reach postgres://shop:s3cret@db/shop"
        raise ConnectionError(message)

    executor = Executor(
        policies=[Policy("db.Read", retry=RetryPolicy(max_attempts=1))],
        capture_messages=True,
        redact=redact,
    )
    from recourse import timeline_of

    with record_timeline(), pytest.raises(ConnectionError) as caught:
        executor.call("db.Read", refuse)

    kept = timeline_of(caught.value)
    assert kept is not None
    assert str(kept.error) == f"ConnectionError: cannot reach postgres://{MARK}@db/shop"
