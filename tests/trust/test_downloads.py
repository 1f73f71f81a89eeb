"""Downloads end: slow servers, silent ones, malformed headers; what failed is not tried again."""

import gc
import gzip
import http.server
import socket
import threading
import time

import numpy as np
import pytest

from snnlab.datasets import DatasetUnavailable, fetch, load, load_default
from snnlab.datasets.fetch import FileSet
from snnlab.datasets.files import IdxFile

# a connection that is given up is closed when it is collected, which Python mentions
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def serve():
    """Serves what a function writes to a socket, whatever is asked for; gives its address."""
    servers = []

    def start(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                calls.append(self.path)
                try:
                    answer(self.wfile)
                except OSError:
                    pass  # nobody listens any more

            def log_message(self, *args):
                pass

        calls = []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/", calls

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    gc.collect()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Two images in four files; nothing of them is on this machine."""
    import hashlib

    raw, files = {}, []
    for name, shape in fetch._FILES:
        shape = (2, *shape[1:])
        header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
        raw[name] = header + bytes(int(np.prod(shape)))
        files.append(IdxFile(name, shape, hashlib.sha256(raw[name]).hexdigest()))
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def mirrors(*urls):
        made = FileSet("mnist", tuple(files), urls, tuple("01"), "", "")
        monkeypatch.setattr(fetch, "FILE_SETS", {"mnist": made})

    return raw, mirrors


def good(serve, raw):
    """A server of all files."""
    contents = iter([gzip.compress(x) for x in raw.values()])

    def answer(out):
        content = next(contents)
        out.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    return serve(answer)[0]


BAD = {
    "length": b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nx",
    "negative length": b"HTTP/1.0 200 OK\r\nContent-Length: -5\r\n\r\nx",
    "huge length": b"HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    "location": b"HTTP/1.0 302 Found\r\nLocation: http://[::1\r\n\r\n",
    "scheme": b"HTTP/1.0 302 Found\r\nLocation: ftp://nowhere/x\r\n\r\n",
    "port": b"HTTP/1.0 302 Found\r\nLocation: http://a:b:c/x\r\n\r\n",
    "encoding": b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip",
    "status": b"HTTP/1.0 oh dear\r\n\r\n",
    "nothing": b"",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_mirror_that_talks_nonsense_is_passed_over(serve, tiny, kind):
    raw, mirrors = tiny
    bad, calls = serve(lambda out: out.write(BAD[kind]))
    mirrors(bad, good(serve, raw))
    data = load("mnist", progress=False)
    assert len(data.x_train) == 2 and len(calls) >= 4


def test_a_byte_now_and_then_is_not_enough(serve, tiny, monkeypatch):
    raw, mirrors = tiny
    monkeypatch.setattr(fetch, "TIMEOUT", 0.6)
    monkeypatch.setattr(fetch, "SLOWEST", 10**9)

    def drip(out):
        out.write(b"HTTP/1.0 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(5000))
        for _ in range(200):
            out.write(b"x")
            out.flush()
            time.sleep(0.1)

    slow, _ = serve(drip)
    mirrors(slow)
    began = time.monotonic()
    with pytest.raises(DatasetUnavailable, match="TimeoutError: .* bytes came in"):
        load("mnist", progress=False)
    assert time.monotonic() - began < 15


def test_silence_ends_soon_whatever_the_number_of_mirrors(serve, tiny, monkeypatch):
    _, mirrors = tiny
    monkeypatch.setattr(fetch, "PATIENCE", 1.0)
    silent = [serve(lambda out: time.sleep(30))[0] for _ in range(3)]
    mirrors(*silent)
    began = time.monotonic()
    with pytest.raises(DatasetUnavailable, match="nothing came in") as caught:
        load("mnist", progress=False)
    assert time.monotonic() - began < 15
    assert all(url in str(caught.value) for url in silent)


def test_what_failed_is_not_tried_again(serve, tiny, capsys):
    raw, mirrors = tiny
    gone, calls = serve(lambda out: out.write(b"HTTP/1.0 404 Gone\r\n\r\n"))
    mirrors(gone)
    assert load_default().name == "digits16"
    said = capsys.readouterr().out
    assert said.startswith("MNIST is not on this machine: looking for it at 127.0.0.1")
    asked = len(calls)
    assert load_default().name == "digits16" and "looking" not in capsys.readouterr().out
    with pytest.raises(DatasetUnavailable, match="404.*not tried again until Python restarts"):
        load("mnist16", progress=False)
    assert len(calls) == asked == 1
    # what is put in place meanwhile is found
    folder = fetch.cache_folder() / "mnist"
    folder.mkdir(parents=True)
    for name, content in raw.items():
        (folder / name).write_bytes(content)
    assert len(load("mnist", progress=False).x_train) == 2 and fetch.is_here("mnist")


def test_no_name_is_looked_up_for_ever(tiny, monkeypatch):
    _, mirrors = tiny
    monkeypatch.setattr(fetch, "PATIENCE", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: time.sleep(20))
    mirrors("http://somewhere.invalid/")
    began = time.monotonic()
    with pytest.raises(DatasetUnavailable, match="nothing came in"):
        load("mnist", progress=False)
    assert time.monotonic() - began < 10
