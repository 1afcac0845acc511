"""Files of the web: whole, or an error."""

from __future__ import annotations

import http.server
import threading

import pytest

from fitprint.cli import main
from fitprint_projects import fetching
from fitprint_projects.errors import ProjectError
from fitprint_projects.fetching import download, fetched
from fitprint_projects.sources import opened


class Answers(http.server.BaseHTTPRequestHandler):
    """``/whole``, ``/short``, ``/endless``, ``/odd`` and ``/silent``."""

    def do_GET(self):
        kind = self.path.rpartition("/")[2].partition(".")[0]
        if kind == "odd":
            self.wfile.write(b"no answer of a server's\r\n")
            return
        self.send_response(200)
        if kind in ("whole", "short"):
            self.send_header("Content-Length", "4" if kind == "whole" else "5")
        self.end_headers()
        self.wfile.write(b"data")
        self.wfile.flush()
        if kind == "silent":
            self.server.ended.wait(30)
        try:
            while kind == "endless":
                self.wfile.write(b"x" * 4096)
        except OSError:  # nobody listens any more
            self.server.left.set()

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.ended, server.left = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def address(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_what_is_whole_is_fetched(address, tmp_path):
    assert b"data" == fetched(f"{address}/whole", tmp_path / "a").read_bytes()
    assert "file" == fetched(f"{address}/whole/..", tmp_path / "b").name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "broke off after 4 of 5 bytes"),
        ("endless", "has more than 100000 bytes"),
        ("odd", "no answer of a server"),
        ("silent", "timed out"),
    ],
)
def test_what_is_not_whole_is_an_error(server, address, tmp_path, monkeypatch, name, words):
    monkeypatch.setattr(fetching, "_SILENCE", 0.3 if name == "silent" else 30)
    place = tmp_path / "file"
    with pytest.raises(ProjectError, match=f"cannot be fetched: .*{words}"):
        download(f"{address}/{name}", place, 100_000)
    assert not place.exists()
    assert name != "endless" or server.left.wait(30)


def test_a_download_takes_no_longer_than_it_may(address, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_SECONDS", 0.2)
    with pytest.raises(ProjectError, match=r"took longer than 0\.2 seconds"):
        download(f"{address}/endless", tmp_path / "file")


def test_an_endless_archive_ends(address, monkeypatch):
    monkeypatch.setattr("fitprint_projects.archives.MOST_BYTES", 100_000)
    with (
        pytest.raises(ProjectError, match="has more than 100000 bytes"),
        opened(f"{address}/endless.zip"),
    ):
        pass


def test_the_name_of_a_parameter_leads_nowhere(made, home, address, tmp_path):
    project = made().write(
        MLproject="entry_points: {main: {parameters: {../../../../x/y: path}, command: "
        "'python t.py {../../../../x/y}'}}",
        t__py="import sys; assert 'data' == open(sys.argv[1]).read()",
    )
    temporary = tmp_path / "one/two/three"
    temporary.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        words = ["run", str(project.folder), "-P", f"../../../../x/y={address}/whole"]
        assert 0 == main(words)
    assert not list(tmp_path.rglob("x"))
