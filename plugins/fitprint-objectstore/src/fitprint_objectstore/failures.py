"""What a cloud answers, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions

from fitprint.errors import ArtifactNotFoundError, StoreError

__all__ = ["is_refusal", "spoken_errors", "spoken_mistakes"]

_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|(?:bucket|container) does not exist", re.IGNORECASE
)
_CODE = re.compile(r"<Code>(\w+)</Code>")
_URL = re.compile(r"\b\w+://\S+")  # may hold any word, for users choose names
_METADATA = re.compile(
    r"://(?:169\.254\.|metadata\.google|[^/]+/(?:latest/(?:api/token|meta-data)|computeMetadata/|metadata/identity/))"
)
_NO_CREDENTIALS = re.compile(r"token request|credential", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"redirect|AuthorizationHeaderMalformed|IllegalLocationConstraint", re.IGNORECASE
)
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_KEY",
}
_REASON = re.compile(
    r"(?:HTTP error: |status code: |Config error: |error: )(?!Error performing)([^\n<]{1,120})"
)
_CAUSES = {  # what obstore only tells where it is asked for everything
    "InvalidCertificate": "its certificate is not trusted",
    "dns error": "there is no host of this name",
    "TimedOut": "no answer in time",
    "Connection refused": "connection refused",
    "Connection reset": "connection reset",
}
# S3 answers so for one of several objects to delete, and the whole has a good status
_NOT_ALLOWED = "(code: AccessDenied)"
_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)


@contextmanager
def spoken_mistakes(uri: str) -> Iterator[None]:
    """Raise errors of ours in the place of those with which obstore refuses options.

    Raises:
        StoreError: an option has another name, or another form, than it should.
    """
    try:
        yield
    except (exceptions.BaseError, OSError, ValueError) as error:
        text = _text(error)
        reason = (
            text if isinstance(error, exceptions.UnknownConfigurationKeyError) else _reason(text)
        )
        raise StoreError(
            f"{uri} cannot be opened: {reason.rstrip('.')}; look at the URL, and at the options "
            "in the environment"
        ) from error


@contextmanager
def spoken_errors(uri: str, missing: str | None = "there is no such object") -> Iterator[None]:
    """Raise errors of ours in the place of obstore's.

    Args:
        uri: of the artifact store, without a password.
        missing: what is said of an object that is not there; None: nothing, it is as good.

    Raises:
        ArtifactNotFoundError: there is no object of this key.
        StoreError: anything else.
    """
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET.search(str(error)):
            raise StoreError(
                f"there is no bucket at {uri}: create it, or correct the URL (setting artifacts)"
            ) from error
        if missing is not None:
            raise ArtifactNotFoundError(f"{missing} in {uri}") from error
    except (exceptions.BaseError, OSError, ValueError) as error:
        raise StoreError(_told(error, uri)) from error


def _told(error: Exception, uri: str) -> str:
    text = _text(error)
    plain = _URL.sub("", text)
    code = _CODE.search(text)
    cause = next((told for sign, told in _CAUSES.items() if sign in str(error)), "")
    reason = code[1] if code else cause or _reason(text)
    if isinstance(error, _REFUSED) or _NOT_ALLOWED in plain:
        return (
            f"{uri} refuses the credentials of this process ({reason}): they must be valid, and "
            "allow to list the bucket, to read and write its objects, and to delete them if "
            "`fitprint gc` is to free them"
        )
    if _ELSEWHERE.search(plain):
        return (
            f"{uri} is in another region ({reason}): set AWS_REGION, or write ?region=… behind the "
            "URL"
        )
    if _METADATA.search(text) or _NO_CREDENTIALS.search(plain):
        variable = _VARIABLES.get(uri.partition(":")[0], "")
        return (
            f"no credentials were found for {uri} ({reason}): set those of its cloud in the "
            f"environment, such as {variable}"
        )
    what = (
        "answers with an error"
        if "status code" in text
        else "cannot be reached, or does not answer"
    )
    return (
        f"the artifact store {uri} {what} ({reason}): look at the URL, the network, and what the "
        "cloud says of itself"
    )


def is_refusal(error: Exception) -> bool:
    """Tell whether a server has understood what was asked, and refuses it."""
    return "status code: 4" in str(error)


def _text(error: Exception) -> str:
    return str(error).partition("\n\nDebug source")[0]


def _reason(text: str) -> str:
    found = _REASON.findall(text)
    return found[-1].strip().rstrip(":") if found else text.splitlines()[0][:120]
