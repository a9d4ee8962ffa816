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

import hashlib
import json
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recourse.policy.load import loads
from recourse.policy.problems import PolicyFileError

EVERYTHING = "*"


class ControlPlane(ThreadingHTTPServer):
    """Serves the policies of a folder; every file is read anew for every request.

    Attributes:
        problem: Why a file is not followed as it is now; the last good one is, meanwhile.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._folder = folder
        self._good: dict[str, dict[str, Any]] = {}
        self.problem: str | None = None

    @property
    def url(self) -> str:
        """Where all policies are."""
        return f"http://127.0.0.1:{self.server_port}/v1/policies"

    def document(self, instance: str) -> dict[str, Any]:
        """The policies that an instance shall follow, in the form of a policy file."""
        self.problem = None
        control = self._read("control.toml", tomllib.loads)
        is_chosen = share_of(instance, str(control.get("salt", ""))) < control.get("percent", 0)
        name = "next.toml" if is_chosen else "policies.toml"
        followed = self._read(name, lambda text: checked(text, name))
        return switched_off(followed, control.get("single_attempt", []))

    def _read(self, name: str, parse: Any) -> dict[str, Any]:
        path = self._folder / name
        try:
            self._good[name] = parse(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (PolicyFileError, tomllib.TOMLDecodeError) as error:
            self.problem = f"{name}: {error}"
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
            content = document.get("policies", {}).get(key[1:])
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


def checked(text: str, name: str) -> dict[str, Any]:
    """The data of a policy file that can be followed.

    Raises:
        PolicyFileError: It cannot.
    """
    loads(text, name)
    return tomllib.loads(text)


def switched_off(document: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The document with one attempt, and no hedge, for some keys or for all."""

    def one_attempt(policy: dict[str, Any]) -> dict[str, Any]:
        without_hedge = {name: value for name, value in policy.items() if name != "hedge"}
        return {**without_hedge, "retry": {**policy.get("retry", {}), "max_attempts": 1}}

    def is_off(key: str) -> bool:
        return key in keys or EVERYTHING in keys

    policies = {
        key: one_attempt(policy) if is_off(key) else policy
        for key, policy in document.get("policies", {}).items()
    }
    found = {**document, "policies": policies}
    for name in ("default", "fallback"):
        if name in document and EVERYTHING in keys:
            found[name] = one_attempt(document[name])
    return found


if __name__ == "__main__":
    with ControlPlane(Path(sys.argv[1]), int(sys.argv[2])) as plane:
        print(plane.url)
        plane.serve_forever()
