"""From a URL to obstore's stores: options, credentials, and how long is waited."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from obstore.store import AzureStore, GCSStore, S3Store

from fitprint.errors import StoreError
from fitprint.stores.addresses import public
from fitprint_objectstore.failures import spoken_mistakes

__all__ = ["Connected", "connected"]

_KINDS: Mapping[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_ENDPOINTS: Mapping[
    str, Mapping[str, tuple[str, ...]]
] = {  # options that name a server, and the same in the environment
    "s3": {
        "options": ("endpoint", "endpoint_url"),
        "environment": ("AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    },
    "gs": {"options": ("base_url",), "environment": ("GOOGLE_BASE_URL",)},
    "az": {"options": ("endpoint",), "environment": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")},
}
_RETRIES = {
    "max_retries": 4,
    "retry_timeout": timedelta(
        seconds=20
    ),  # since the first attempt; no further one begins after it
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}
_CONNECT, _SILENCE, _REQUEST = timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=120)


class Connected(NamedTuple):
    """Two views of the same objects: an answer must come soon, whereas what is sent may take its
    time on a slow line.
    """

    reading: Any
    writing: Any


def connected(uri: str) -> Connected:
    """Return obstore's stores for a URL. Nothing is asked of the network yet.

    Raises:
        StoreError: the URL names no bucket, or has an option that does not exist.
    """
    scheme, _, rest = uri.partition("://")
    place, _, query = rest.partition("?")
    bucket, _, prefix = place.partition("/")
    if not bucket or "@" in bucket or scheme not in _KINDS:
        raise StoreError(
            f"{public(uri)!r} names no bucket: write {scheme}://bucket/prefix; credentials come "
            "from the environment"
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    if any(re.match(r"\w+://[^/]*@", value) for value in options.values()):
        raise StoreError(
            f"an option of {scheme}://{bucket} is a URL with a password: credentials come from the "
            "environment"
        )
    client: dict[str, Any] = {"connect_timeout": _CONNECT, "timeout": _REQUEST}
    if _is_plain(scheme, options):
        client["allow_http"] = True
    elif scheme == "s3" and "AWS_UNSIGNED_PAYLOAD" not in os.environ:
        options.setdefault(
            "unsigned_payload", "true"
        )  # TLS protects what is sent: one digest less of all bytes
    with spoken_mistakes(public(uri)):
        return Connected(
            *(
                _KINDS[scheme](
                    bucket,
                    prefix=unquote(prefix) or None,
                    config=options,
                    client_options=each,
                    retry_config=_RETRIES,
                )
                for each in ({**client, "read_timeout": _SILENCE}, client)
            )
        )


def _is_plain(scheme: str, options: Mapping[str, str]) -> bool:
    """Tell whether the server that was chosen is one without encryption, such as one in the same
    house.
    """
    names = _ENDPOINTS[scheme]
    chosen = [options[name] for name in names["options"] if name in options]
    chosen = chosen or [os.environ[name] for name in names["environment"] if name in os.environ]
    return any(value.startswith("http://") for value in chosen)
