"""Where bytes lie in a bucket, how they get there, and how they are read."""

import hashlib
import io
import os
import urllib.request

import obstore
import pytest
from obstore.store import S3Store

from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint_objectstore.artifacts import ObjectArtifacts
from fitprint_objectstore.connecting import connected

MIB = 1 << 20


def digest_of(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put(store, data):
    digest = digest_of(data)
    store.put(digest, io.BytesIO(data), len(data))
    return digest


@pytest.fixture
def whole(bucket, server):
    """The bucket, as obstore sees it."""
    return S3Store(bucket, client_options={"allow_http": True})


def objects(whole):
    return {each["path"]: each for page in obstore.list(whole) for each in page}


def test_an_object_is_named_after_its_digest_below_the_prefix(store, whole):
    digest = put(store, b"some bytes")

    assert [f"some/prefix/{digest[7:9]}/{digest[9:]}"] == list(objects(whole))


@pytest.mark.parametrize(
    ("written", "prefix"), [("x/", "x"), ("a%20b/c", "a b/c"), ("models=1", "models=1")]
)
def test_a_prefix_may_be_written_in_several_ways(bucket, whole, written, prefix):
    digest = put(ObjectArtifacts(f"s3://{bucket}/{written}"), b"some bytes")

    with ObjectArtifacts(f"s3://{bucket}/{written}").open(digest) as file:
        assert b"some bytes" == file.read()
    assert [f"{prefix}/{digest[7:9]}/{digest[9:]}"] == list(objects(whole))


def test_without_a_prefix_objects_lie_in_the_bucket_itself(bucket, whole):
    digest = put(ObjectArtifacts(f"s3://{bucket}"), b"some bytes")

    assert [f"{digest[7:9]}/{digest[9:]}"] == list(objects(whole))


def parts(whole):
    (found,) = objects(whole).values()
    return (
        found["e_tag"].strip('"').partition("-")[2]
    )  # S3 says in the tag of how many parts an object was made


@pytest.mark.parametrize(("size", "expected"), [(5 * MIB, ""), (5 * MIB + 1, "2"), (12 * MIB, "3")])
def test_a_large_object_is_sent_in_parts(store, whole, size, expected):
    put(store, os.urandom(size))

    assert expected == parts(whole)


def test_an_object_of_another_size_is_written_anew(store, whole):
    data = b"as it was recorded"
    digest = digest_of(data)
    obstore.put(whole, f"some/prefix/{digest[7:9]}/{digest[9:]}", b"torn")

    put(store, data)

    with store.open(digest) as file:
        assert data == file.read()


@pytest.mark.parametrize("size", [MIB, 12 * MIB])
def test_wrong_bytes_leave_no_part_of_an_upload(store, server, bucket, size):
    with pytest.raises(IntegrityError):
        store.put(digest_of(b"others"), io.BytesIO(os.urandom(size)), size)

    assert b"<Upload>" not in server.ask(f"{bucket}?uploads")


def test_what_the_source_raises_comes_out(store, server, bucket):
    class Source:
        left = 7

        def read(self, size):
            self.left -= 1
            if not self.left:
                raise FileNotFoundError("removed under our hands")
            return bytes(MIB)

    with pytest.raises(FileNotFoundError, match="removed under our hands"):
        store.put(digest_of(b"others"), Source(), 12 * MIB)

    assert b"<Upload>" not in server.ask(f"{bucket}?uploads")


def test_a_large_object_can_be_read_at_any_place(store):
    data = os.urandom(21 * MIB)

    with store.open(put(store, data)) as file:
        assert data[:10] == file.read(10)
        file.seek(-10, io.SEEK_END)
        assert data[-10:] == file.read()
        file.seek(17 * MIB - 5)
        assert data[17 * MIB - 5 : 18 * MIB] == file.read(MIB + 5)
        file.seek(0)
        assert digest_of(data) == digest_of(file.read())
        assert b"" == file.read(1)


def test_of_a_large_object_only_a_part_is_in_memory(store):
    data = os.urandom(40 * MIB)

    with store.open(put(store, data)) as file:
        most = 0
        while file.read(MIB):
            most = max(most, sum(map(len, file.raw._here)))

    assert 16 * MIB == most


def test_an_object_that_goes_while_it_is_read_is_told(store, whole):
    digest = put(store, os.urandom(40 * MIB))

    with store.open(digest) as file:
        file.read(MIB)
        obstore.delete(whole, list(objects(whole)))
        with pytest.raises(ArtifactNotFoundError):
            file.read()


def test_a_link_can_be_read_by_anybody(store):
    digest = put(store, b"some bytes")

    with urllib.request.urlopen(store.link(digest)) as answer:
        assert b"some bytes" == answer.read()


def test_there_is_no_link_to_what_is_not_there(store):
    with pytest.raises(ArtifactNotFoundError, match="are not in s3://"):
        store.link(digest_of(b"never put"))


def test_options_stand_in_the_url(server, bucket, monkeypatch):
    for name in server.environment:
        monkeypatch.delenv(name)
    login = "access_key_id=testing&secret_access_key=testing-secret"
    store = ObjectArtifacts(f"s3://{bucket}/x?endpoint={server.endpoint}&region=us-east-1&{login}")

    assert put(store, b"some bytes") in store
    assert f"s3://{bucket}/x?endpoint={server.endpoint}&region=us-east-1" == store.uri


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ("endpoint=https://host", {}, True),
        ("endpoint=http://host", {}, False),
        ("endpoint=https://host&unsigned_payload=false", {}, False),
        ("endpoint=https://host", {"AWS_UNSIGNED_PAYLOAD": "false"}, False),
    ],
)
def test_what_tls_protects_is_not_signed_again(
    surroundings, monkeypatch, options, environment, expected
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    stores = connected(f"s3://bucket?{options}")

    assert [expected, expected] == [
        store.config.get("unsigned_payload") in (True, "true") for store in stores
    ]


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        (
            "s3://ada:secret@bucket/x",
            "s3://ada@bucket/x' names no bucket.* credentials come from the environment",
        ),
        (
            "s3://bucket/x?endpoint=http://ada:secret@host",
            "an option of s3://bucket is a URL with a password",
        ),
        ("az://bucket/x", "az://bucket/x cannot be opened: .*Account must be specified"),
        (
            "az://bucket/x?account_name=ada&account_key=secret!",
            "az://bucket/x.account_name=ada cannot be opened: ",
        ),
        ("gs://bucket/x?service_account_key=secret", "gs://bucket/x cannot be opened: "),
        ("s3://bucket/x?endpint=http://host", "endpint"),
        ("gs://bucket/x?region=here", "region"),
        ("s3://bucket/x?virtual_hosted_style_request=perhaps", "perhaps"),
        ("s3://bucket/a//b", "a//b"),
    ],
)
def test_a_url_with_a_mistake_is_refused(uri, told, surroundings):
    with pytest.raises(StoreError, match=told) as raised:
        ObjectArtifacts(uri)
    assert "secret" not in str(raised.value)
