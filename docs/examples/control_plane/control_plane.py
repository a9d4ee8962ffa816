"""A control plane for policies: one small HTTP service over files that people review.

In its folder lie ``policies.toml``, which everybody follows; ``next.toml``, which a part of the
instances follows while it is tried; and ``control.toml``, which says how large that part is and
what is switched off::

    percent = 10                      # of the instances follow next.toml
    salt = "2026-11"                  # another salt, another part
    single_attempt = ["search.Query"] # the kill switch: no retries, no hedges; "*" means all

Run it with ``python control_plane.py FOLDER PORT``, and follow it with
``HTTPSource("http://…/v1/policies", headers={"X-Instance": "checkout-7f4d"})``.
"""

import argparse
import contextlib
import hashlib
import json
import tomllib
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from recourse.policy.load import loads, text_of
from recourse.policy.problems import PolicyFileError

EVERYTHING = "*"
POLICIES, NEXT, CONTROL = "policies.toml", "next.toml", "control.toml"


class ControlPlane(ThreadingHTTPServer):
    """Serves the policies of a folder; every file is read anew for every request.

    Attributes:
        problem: Why a file is not followed as it is now; the last good one is, meanwhile.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._good = {POLICIES: policies_of(folder / POLICIES)}
        self.problem: str | None = None
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """Where all policies are."""
        return f"http://127.0.0.1:{self.server_port}/v1/policies"

    def document(self, instance: str) -> dict[str, Any]:
        """The policies that an instance shall follow, in the form of a policy file."""
        self.problem = None
        control = self._read(CONTROL, control_of)
        policies = self._read(POLICIES, policies_of)
        if share_of(instance, control.get("salt", "")) < control.get("percent", 0):
            policies = self._read(NEXT, policies_of) or policies
        return switched_off(policies, control.get("single_attempt", []))

    def _read(self, name: str, parse: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        path = self._folder / name
        if name != POLICIES and not path.exists():
            return {}
        try:
            self._good[name] = parse(path)
        except ValueError as error:
            self.problem = str(error)
        return self._good.get(name, {})


class Handler(BaseHTTPRequestHandler):
    """Answers ``/v1/policies`` with all policies and ``/v1/policies/KEY`` with those of one key."""

    server: ControlPlane

    def do_GET(self) -> None:
        """Send what is asked for, or 304 if the instance has it already."""
        prefix, _, key = self.path.removeprefix("/").partition("policies")
        document = self.server.document(self.headers.get("X-Instance", ""))
        content: Any = document
        if key.startswith("/"):
            content = document.get("policies", {}).get(unquote(key[1:]), document.get("default"))
        if prefix != "v1/" or content is None:
            self._send(404, b"")
            return
        body = json.dumps(content, sort_keys=True).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            self._send(304, b"", etag)
        else:
            self._send(200, body, etag)

    def _send(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *facts: Any) -> None:
        """Keep quiet."""


def share_of(instance: str, salt: str) -> float:
    """Where an instance stands between 0 and 100: always the same, so a growing share keeps its own."""
    digest = hashlib.sha256(f"{salt}/{instance}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 100


def policies_of(path: Path) -> dict[str, Any]:
    """What a policy file says, as plain data, after the library has looked for mistakes."""
    text = text_of(path)
    loads(text, str(path))
    return tomllib.loads(text)


def control_of(path: Path) -> dict[str, Any]:
    """What ``control.toml`` says."""
    control = tomllib.loads(text_of(path))
    for name, kind in (("percent", int | float), ("salt", str), ("single_attempt", list)):
        if name in control and not isinstance(control[name], kind):
            message = f"{path}: {name} {control[name]!r} is not allowed; see how this module begins"
            raise ValueError(message)
    return control


def switched_off(document: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The document with one attempt, and no hedge, for some keys or for all."""

    def one_attempt(policy: dict[str, Any]) -> dict[str, Any]:
        without_hedge = {name: value for name, value in policy.items() if name != "hedge"}
        return {**without_hedge, "retry": {**policy.get("retry", {}), "max_attempts": 1}}

    def is_off(key: str) -> bool:
        return key in keys or EVERYTHING in keys

    own = document.get("policies", {})
    if "default" in document:  # a key that follows it gets a policy to be switched off
        own = {**own, **{key: document["default"] for key in keys if key not in {*own, EVERYTHING}}}
    policies = {key: one_attempt(policy) if is_off(key) else policy for key, policy in own.items()}
    found = {**document, "policies": policies}
    for name in ("default", "fallback"):
        if name in document and EVERYTHING in keys:
            found[name] = one_attempt(document[name])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a folder until somebody interrupts."""
    parser = argparse.ArgumentParser(description="Serve the policies of a folder.")
    parser.add_argument("folder", type=Path, help="where policies.toml lies")
    parser.add_argument("port", type=int)
    given = parser.parse_args(arguments)
    try:
        plane = ControlPlane(given.folder, given.port)
    except (PolicyFileError, OSError) as error:
        parser.error(str(error))
    with plane, contextlib.suppress(KeyboardInterrupt):
        print(plane.url)
        plane.serve_forever()


if __name__ == "__main__":
    main()
