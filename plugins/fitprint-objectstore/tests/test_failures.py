"""What is said of a bucket that is not there, refuses, or is silent, and that it is said soon."""

import hashlib
import http.server
import io
import os
import threading
from datetime import timedelta

import pytest

from fitprint.errors import ArtifactNotFoundError, StoreError
from fitprint_objectstore import connecting
from fitprint_objectstore.artifacts import ObjectArtifacts
from fitprint_objectstore.bucket import Bucket
from fitprint_objectstore.server import Server

DATA = os.urandom(12 << 20)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"

WAYS = {
    "put": lambda store: store.put(DIGEST, io.BytesIO(DATA), len(DATA)),
    "open": lambda store: store.open(DIGEST),
    "in": lambda store: DIGEST in store,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def impatient(monkeypatch):
    """Wait for tenths of seconds, where a user waits for seconds."""
    monkeypatch.setattr(connecting, "_SILENCE", timedelta(seconds=0.3))
    monkeypatch.setattr(connecting, "_REQUEST", timedelta(seconds=1))
    monkeypatch.setitem(connecting._RETRIES, "retry_timeout", timedelta(seconds=0.5))


@ways
def test_a_bucket_that_does_not_exist(surroundings, way):
    with pytest.raises(StoreError, match="there is no bucket at s3://nowhere/x: create it") as told:
        way(ObjectArtifacts("s3://nowhere/x"))
    assert not isinstance(told.value, ArtifactNotFoundError)


@pytest.fixture(scope="module")
def looking():
    """A server that looks at credentials."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def strict(surroundings, looking):
    """This server with an empty bucket, and what says from which request on it looks."""

    def check_after(requests):
        looking.ask("moto-api/reset-auth", "POST", str(requests).encode())

    check_after("inf")
    looking.ask("moto-api/reset", "POST")
    looking.ask("bucket", "PUT")
    return looking, check_after


def test_credentials_that_are_refused(strict):
    server, check_after = strict
    check_after(0)
    store = ObjectArtifacts(
        f"s3://bucket/x?endpoint={server.endpoint}&access_key_id=unknown&secret_access_key=verysecret"
    )

    for way in WAYS.values():
        with pytest.raises(StoreError, match="refuses the credentials of this process") as told:
            way(store)
        assert "verysecret" not in str(told.value)
        assert not isinstance(told.value, ArtifactNotFoundError)


@pytest.mark.parametrize("after", range(1, 7))
def test_rights_that_are_lost_in_the_middle(strict, after):
    """Of an upload of three parts: HEAD, GET, the beginning, the parts, the end."""
    server, check_after = strict
    store = ObjectArtifacts(f"s3://bucket/x?endpoint={server.endpoint}")
    check_after(after)

    with pytest.raises(StoreError, match="refuses the credentials of this process"):
        WAYS["put"](store)

    check_after("inf")
    assert DIGEST not in store
    WAYS["put"](store)
    with store.open(DIGEST) as file:
        assert DATA == file.read()


@ways
def test_no_credentials_at_all(surroundings, silent, monkeypatch, impatient, way):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(
        StoreError, match="no credentials were found for s3://bucket/x .*AWS_ACCESS_KEY_ID"
    ):
        way(ObjectArtifacts("s3://bucket/x"))


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@ways
def test_a_server_that_is_down(surroundings, impatient, scheme, way):
    with pytest.raises(
        StoreError,
        match=f"{scheme}://bucket/x.* cannot be reached.*\\(connection refused\\)",
    ):
        way(ObjectArtifacts(f"{scheme}://bucket/x?{OPTIONS[scheme].format('http://127.0.0.1:9')}"))


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@ways
def test_a_server_that_is_silent(surroundings, silent, impatient, scheme, way):
    endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"

    with pytest.raises(
        StoreError, match=r"cannot be reached, or does not answer \(no answer in time\)"
    ):
        way(ObjectArtifacts(f"{scheme}://bucket/x?{OPTIONS[scheme].format(endpoint)}"))

    silent.settimeout(0)
    attempts = 0
    while attempts < 10:
        try:
            silent.accept()[0].close()
        except BlockingIOError:
            break
        attempts += 1
    assert attempts <= 3


OPTIONS = {
    "s3": "endpoint={}",
    "gs": "base_url={}&skip_signature=true",
    "az": "endpoint={}&account_name=someone&skip_signature=true",
}
ANSWERS = {
    "gs no bucket": (
        "gs",
        404,
        "<Error><Code>NoSuchBucket</Code></Error>",
        "there is no bucket at gs://bucket/x/",
    ),
    "gs refuses": (
        "gs",
        403,
        "<Error><Code>AccessDenied</Code></Error>",
        r"gs://bucket/x.* refuses the credentials .*\(AccessDenied\)",
    ),
    "az no container": (
        "az",
        404,
        "<Error><Code>ContainerNotFound</Code></Error>",
        "there is no bucket at az://bucket/x/",
    ),
    "az refuses": (
        "az",
        403,
        "<Error><Code>AuthorizationFailure</Code></Error>",
        r"refuses the credentials .*\(AuthorizationFailure\)",
    ),
    "s3 fails": (
        "s3",
        400,
        "<Error><Code>InvalidRequest</Code></Error>",
        r"answers with an error \(InvalidRequest\)",
    ),
    "s3 elsewhere": (
        "s3",
        301,
        "<Error><Code>PermanentRedirect</Code></Error>",
        "s3://bucket/x.* is in another region .*AWS_REGION",
    ),
}


@pytest.mark.parametrize(("scheme", "status", "text", "told"), ANSWERS.values(), ids=ANSWERS)
@ways
def test_an_answer_says_what_to_do(surroundings, scheme, status, text, told, way):
    with answering(status, text) as endpoint, pytest.raises(StoreError, match=told):
        way(
            ObjectArtifacts(
                f"{scheme}://bucket/x/redirected/credentials?{OPTIONS[scheme].format(endpoint)}"
            )
        )


def test_a_missing_right_to_delete_is_told(surroundings):
    text = (
        "<DeleteResult><Error><Key>x/ab/cd</Key><Code>AccessDenied</Code>"
        "<Message>Access Denied</Message></Error></DeleteResult>"
    )
    told = r"s3://bucket/x.* refuses the credentials .*to delete them if `fitprint gc`"

    with answering(200, text) as endpoint, pytest.raises(StoreError, match=told):
        Bucket(f"s3://bucket/x?endpoint={endpoint}").remove("ab/cd")


@pytest.mark.parametrize("way", ["clock", "owners"])
def test_a_silent_server_holds_up_no_collection(surroundings, silent, impatient, way):
    store = ObjectArtifacts(f"s3://bucket/x?endpoint=http://127.0.0.1:{silent.getsockname()[1]}")

    with pytest.raises(StoreError, match=r"does not answer \(no answer in time\)"):
        getattr(store, way)()


@pytest.mark.parametrize(
    ("scheme", "name", "more"),
    [
        ("s3", "AWS_ENDPOINT_URL", {}),
        ("s3", "AWS_ENDPOINT", {}),
        ("gs", "GOOGLE_BASE_URL", {"GOOGLE_SKIP_SIGNATURE": "true"}),
        (
            "az",
            "AZURE_STORAGE_ENDPOINT",
            {"AZURE_STORAGE_ACCOUNT_NAME": "someone", "AZURE_SKIP_SIGNATURE": "true"},
        ),
        (
            "az",
            "AZURE_ENDPOINT",
            {"AZURE_STORAGE_ACCOUNT_NAME": "someone", "AZURE_SKIP_SIGNATURE": "true"},
        ),
    ],
)
def test_an_endpoint_stands_in_the_environment(surroundings, monkeypatch, scheme, name, more):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with answering(403, "<Error><Code>OfThisServer</Code></Error>") as endpoint:
        for variable, value in {name: endpoint, **more}.items():
            monkeypatch.setenv(variable, value)
        with pytest.raises(StoreError, match="OfThisServer"):
            WAYS["in"](ObjectArtifacts(f"{scheme}://bucket/x"))


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_nothing_is_sent_without_encryption_unless_it_was_chosen(surroundings, monkeypatch, scheme):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv(
        {"s3": "GOOGLE_BASE_URL", "gs": "AWS_ENDPOINT_URL", "az": "AWS_ENDPOINT_URL"}[scheme],
        "http://127.0.0.1:9",
    )

    stores = connecting.connected(
        f"{scheme}://bucket/x" + ("?account_name=someone" if scheme == "az" else "")
    )

    assert all("allow_http" not in store.client_options for store in stores)


def test_what_a_server_fails_at_is_tried_again(surroundings):
    server = answering(404, "<Error><Code>NoSuchKey</Code></Error>", fails=2)

    with server as endpoint:
        assert DIGEST not in ObjectArtifacts(f"s3://bucket/x?endpoint={endpoint}")

    assert ["HEAD", "HEAD", "HEAD", "GET"] == server.asked


def test_a_server_that_always_fails_is_given_up(surroundings, impatient):
    server = answering(404, "", fails=1000)

    with server as endpoint, pytest.raises(StoreError, match=r"answers with an error \(503"):
        WAYS["in"](ObjectArtifacts(f"s3://bucket/x?endpoint={endpoint}"))

    assert 1 < len(server.asked) <= 5


class answering:
    """A server that gives one answer to everything, after it has failed some times."""

    def __init__(self, status, text, fails=0):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append(self.command)
                self.send_response(status if len(asked) > fails else 503)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
