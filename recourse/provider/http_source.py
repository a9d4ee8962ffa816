"""Policies from an HTTP server, for :class:`RemoteProvider` to cache."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from recourse.duration import seconds
from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.locks import Mutex
from recourse.policy.load import data_of
from recourse.policy.model import Policy
from recourse.policy.parse import PolicyFile, parse, parse_policy

__all__ = ["HTTPSource"]

MAX_DOCUMENTS: Final = 1000
_PLACE: Final = "{key}"
_ACCEPT: Final = {"Accept": "application/json, application/toml"}
_ADDRESS: Final = "an http or https address; names and passwords go into headers"
_CREDENTIALS: Final = re.compile(r"//[^/]*@")
_NEVER_IN_URLS: Final = re.compile(r"[\x00-\x20\x7f]")
_NOT_MODIFIED, _NOT_FOUND, _GONE = 304, 404, 410


class _Document(NamedTuple):
    """What a server said under one address, and the mark it gave it."""

    etag: str
    content: Policy | PolicyFile


class HTTPSource:
    """Asks a server for policies, and only for what has changed since (``ETag``).

    An address with ``{key}`` gives one policy each: a JSON table like the one of a key in a policy
    file; 404 and 410 say that there is none. Any other address gives a whole document in the form
    of a policy file, as JSON, or as TOML when its path or type says so; what it does not list has
    no policy, unless it has a ``default``.

    Args:
        url: ``http`` or ``https``, for example ``https://policies.example/v1/{key}``.
        timeout_s: Limit of each operation on the connection.
        headers: Sent with every request, for example a token; not to where the server redirects.
        max_bytes: Longest answer that is read.

    Raises:
        PolicyError: The address is no HTTP address, there are no such headers, or a limit is not
            above 0.
    """

    __slots__ = ("_documents", "_headers", "_max_bytes", "_mutex", "_timeout_s", "_url")

    def __init__(
        self,
        url: str,
        timeout_s: float | timedelta = 2.0,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1 << 20,
    ) -> None:
        self._timeout_s = seconds("timeout_s", timeout_s)
        self._mutex = Mutex()
        self._documents: OrderedDict[str, _Document] = OrderedDict()
        for name, value, is_good, allowed in (
            ("url", _CREDENTIALS.sub("//…@", str(url)), _is_http(url), _ADDRESS),
            ("timeout_s", timeout_s, self._timeout_s > 0, "more than 0 seconds"),
            ("headers", headers, headers is None or hasattr(headers, "items"), "a mapping"),
            ("max_bytes", max_bytes, _is_count(max_bytes), "a whole number from 1"),
        ):
            if not is_good:
                raise PolicyError(name, value, allowed)
        self._url = url
        self._headers = dict(headers or {})
        self._max_bytes = max_bytes

    def get(self, key: PolicyKey) -> Policy:
        """The key's policy as the server has it now.

        Raises:
            PolicyNotFoundError: The server says that there is none.
            PolicyError: What the server says is no policy.
            OSError: The server could not be asked, or answered with an error.
        """
        content = self._fetched(self._url.replace(_PLACE, quote(key.text, safe="")), key)
        if isinstance(content, Policy):
            return content
        policy = content.policy(key.text) or content.default
        if policy is None:
            raise PolicyNotFoundError(key.text)
        return policy

    def _fetched(self, url: str, key: PolicyKey) -> Policy | PolicyFile:
        # Importing it takes longer than importing the core.
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        with self._mutex.lock:
            known = self._documents.get(url)
        marks = {"If-None-Match": known.etag} if known is not None else {}
        request = Request(url, headers={**_ACCEPT, **marks})  # noqa: S310 -- __init__ has seen to the scheme
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)
        try:
            with urlopen(request, timeout=self._timeout_s) as response:  # noqa: S310 -- likewise
                body = self._read(response, url)
                headers: Mapping[str, str] = response.headers
        except HTTPError as error:
            error.close()
            if error.code == _NOT_MODIFIED and known is not None:
                return known.content
            if error.code in {_NOT_FOUND, _GONE} and _PLACE in self._url:
                raise PolicyNotFoundError(key.text) from None
            raise
        except (HTTPException, ValueError) as error:
            message = f"{url} did not answer in HTTP ({error!r})"
            raise ConnectionError(message) from error
        content = self._content(url, key, body, headers.get("Content-Type", ""))
        self._remember(url, headers.get("ETag"), content)
        return content

    def _read(self, response: Any, url: str) -> bytes:
        body: bytes = response.read(self._max_bytes + 1)
        missing: int = response.length or 0
        # The beginning of a TOML document is one, too: most of the policies would be gone.
        if missing and len(body) <= self._max_bytes:
            message = f"{url} broke off after {len(body)} of {len(body) + missing} bytes"
            raise ConnectionError(message)
        return body

    def _content(self, url: str, key: PolicyKey, body: bytes, media: str) -> Policy | PolicyFile:
        if len(body) > self._max_bytes:
            field = f"the answer of {url}"
            raise PolicyError(field, len(body), f"at most {self._max_bytes} bytes")
        text = body.decode("utf-8-sig", errors="replace")
        is_toml = "toml" in media or urlsplit(url).path.endswith(".toml")
        data, lines = data_of(text, url, "toml" if is_toml else "json")
        if data is None:  # JSON's null is no table without policies: somebody's query found nothing
            field = f"the answer of {url}"
            raise PolicyError(field, data, "a table of names and values")
        if _PLACE in self._url:
            return parse_policy(key.text, data, file=url, lines=lines)
        return parse(data, file=url, lines=lines)

    def _remember(self, url: str, etag: str | None, content: Policy | PolicyFile) -> None:
        with self._mutex.lock:
            self._documents.pop(url, None)
            if etag is not None:
                self._documents[url] = _Document(etag, content)
            if len(self._documents) > MAX_DOCUMENTS:
                self._documents.popitem(last=False)

    def __repr__(self) -> str:
        return f"HTTPSource({self._url!r})"


def _is_http(url: object) -> bool:
    """Whether it is the address of a server, as ``urllib`` asks it."""
    if not isinstance(url, str) or _NEVER_IN_URLS.search(url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_there = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return is_there and parts.username is None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
