"""Fetching: every way a file can come, and one readable line, nothing left, when it does not."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emopress.artifact import read_json, sha256_of
from emopress.data.download import CHUNK_BYTES
from emopress.data.fetch import fetch_files
from emopress.data.sources import WORD_VECTORS, data_set, is_pinned, with_hashes
from emopress.errors import UserError

BODY = bytes(range(256)) * 2048
HALF, THIRD = CHUNK_BYTES * 16, CHUNK_BYTES * 10
SHA256 = hashlib.sha256(BODY).hexdigest()
LABELS = ["sadness", "joy"]
REFUSED = "http://127.0.0.1:9/a.bin"  # the discard port, which nothing listens on


class Handler(BaseHTTPRequestHandler):
    """Serves BODY well or badly, as the path says; `requests` of the server notes the ranges."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        nth = len(self.server.requests)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/busy" and nth < 3:
            self.send_error(503)
        elif self.path == "/slow":
            threading.Event().wait(1.0)
        elif self.path == "/truncated":
            self.answer(200, BODY[:HALF], length=len(BODY))
        elif self.path == "/drops" and nth == 1:
            self.answer(200, BODY[:THIRD], length=len(BODY))
        elif wanted and start >= len(BODY) and self.path != "/no-range":
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(BODY)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif wanted and self.path != "/no-range":
            self.answer(206, BODY[start:], start=start)
        else:
            self.answer(200, BODY)

    def answer(self, status, body, *, length=None, start=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.daemon_threads = True
        served.requests = []
        thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        served.url = f"http://127.0.0.1:{served.server_port}"
        yield served
        served.shutdown()
        thread.join()


def fetch(tmp_path, source, mirrors=(), **options):
    fast = {"backoff_s": 0.01, "timeout_s": 5.0, "attempts": 3, "progress": False}
    fetch_files(
        data_set("demo"),
        source,
        mirrors=list(mirrors),
        root=tmp_path,
        dest=tmp_path / "demo" / "raw",
        **{"labels": LABELS} | fast | options,
    )
    return tmp_path / "demo" / "raw"


def web(url, sha256=SHA256):
    return {"files": [{"name": "a.bin", "url": url, "sha256": sha256}]}


def failure(tmp_path, source, mirrors=(), **options):
    """Return the one line a failed fetch ends in, having checked that nothing stays behind."""
    with pytest.raises(UserError) as caught:
        fetch(tmp_path, source, mirrors, **options)
    folder = tmp_path / "demo"
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert left <= {".download"}
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_download(server, tmp_path):
    raw = fetch(tmp_path, web(f"{server.url}/a.bin"))
    assert (raw / "a.bin").read_bytes() == BODY
    assert read_json(raw / "manifest.json") == {
        "a.bin": {"size_bytes": len(BODY), "sha256": SHA256, "origin": f"{server.url}/a.bin"}
    }
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]  # no cache, no temporary folder


def test_wrong_checksum(server, tmp_path):
    url, wrong = f"{server.url}/a.bin", "0" * 64
    message = failure(tmp_path, web(url, wrong))
    assert "wrong checksum" in message and url in message
    assert f"expected sha256 {wrong}, found {SHA256}" in message
    assert "--config mirror=DIR reads DIR/demo/a.bin" in message
    assert not list((tmp_path / "demo" / ".download").iterdir())
    assert len(server.requests) == 1


def test_not_found_is_not_tried_again(server, tmp_path):
    message = failure(tmp_path, web(f"{server.url}/missing"))
    assert "HTTP status 404 Not Found" in message and f"{server.url}/missing" in message
    assert SHA256 in message and "--config mirror=DIR" in message
    assert len(server.requests) == 1


def test_busy_server_is_tried_again(server, tmp_path):
    assert sha256_of(fetch(tmp_path, web(f"{server.url}/busy")) / "a.bin") == SHA256
    assert len(server.requests) == 3


def test_truncated(server, tmp_path):
    message = failure(tmp_path, web(f"{server.url}/truncated"))
    assert f"truncated: {HALF} of {len(BODY)} bytes" in message
    assert f"{server.url}/truncated" in message and "--config mirror=DIR" in message
    assert len(server.requests) == 3


def test_dropped_connection_is_resumed(server, tmp_path):
    raw = fetch(tmp_path, web(f"{server.url}/drops"))
    assert sha256_of(raw / "a.bin") == SHA256
    assert server.requests == [("/drops", None), ("/drops", f"bytes={THIRD}-")]


def test_a_later_run_resumes(server, tmp_path):
    failure(tmp_path, web(f"{server.url}/drops"), attempts=1)
    part = tmp_path / "demo" / ".download" / "a.bin.part"
    assert part.stat().st_size == THIRD
    assert sha256_of(fetch(tmp_path, web(f"{server.url}/drops")) / "a.bin") == SHA256
    assert server.requests[-1] == ("/drops", f"bytes={THIRD}-")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("a.bin", BODY),  # it broke off after the last byte
        ("a.bin", BODY + b"more"),  # more than the server has
        ("a.bin", b"of another version"),
        ("no-range", BODY[:1000]),  # the server sends the whole file again
    ],
)
def test_partial_file_of_an_earlier_run(server, tmp_path, path, part):
    cache = tmp_path / "demo" / ".download"
    cache.mkdir(parents=True)
    (cache / "a.bin.part").write_bytes(part)
    assert sha256_of(fetch(tmp_path, web(f"{server.url}/{path}")) / "a.bin") == SHA256


def test_no_connection(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    message = failure(tmp_path, web(REFUSED))
    assert "no connection (Connection refused)" in message and REFUSED in message
    assert SHA256 in message and "--config mirror=DIR" in message


def test_timeout(server, tmp_path):
    message = failure(tmp_path, web(f"{server.url}/slow"), timeout_s=0.1, attempts=2)
    assert "timeout" in message and f"{server.url}/slow" in message


def test_a_failed_fetch_leaves_the_old_files(server, tmp_path):
    raw = fetch(tmp_path, web(f"{server.url}/a.bin"))
    with pytest.raises(UserError):
        fetch(tmp_path, web(f"{server.url}/missing"))
    assert (raw / "a.bin").read_bytes() == BODY


def test_a_url_needs_a_checksum(tmp_path):
    message = failure(tmp_path, {"files": [{"name": "a.bin", "url": REFUSED}]})
    assert "'a.bin' has a url but no sha256" in message


def test_mirrors(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "demo").mkdir(parents=True)
    (second / "demo" / "a.bin").write_bytes(BODY)
    raw = fetch(tmp_path, web(REFUSED), [first, second])
    assert (raw / "a.bin").read_bytes() == BODY
    origin = read_json(raw / "manifest.json")["a.bin"]["origin"]
    assert origin == "mirror"  # no path of this machine in an artifact


def test_no_mirror_has_it(tmp_path):
    message = failure(tmp_path, web(REFUSED), [tmp_path / "first", tmp_path / "second"])
    for mirror in ("first", "second"):
        assert str(tmp_path / mirror / "demo" / "a.bin") in message


def test_damaged_file_in_a_mirror(tmp_path):
    (tmp_path / "mirror" / "demo").mkdir(parents=True)
    (tmp_path / "mirror" / "demo" / "a.bin").write_bytes(BODY[:-1])
    message = failure(tmp_path, web(REFUSED), [tmp_path / "mirror"])
    assert "wrong checksum" in message and f"expected sha256 {SHA256}, found " in message
    assert str(tmp_path / "mirror" / "demo" / "a.bin") in message


def test_own_file_needs_no_mirror(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo.csv").write_text("text,label\n")
    source = {"files": [{"name": "demo.csv", "path": "data/demo.csv"}]}
    raw = fetch(tmp_path, source, [tmp_path / "mirror"])
    manifest = read_json(raw / "manifest.json")
    assert manifest["demo.csv"]["origin"] == "file demo.csv of this repository"
    source["files"][0]["path"] = "data/none.csv"
    with pytest.raises(UserError, match=r"no file .*none\.csv"):
        fetch(tmp_path, source)


def test_bad_source(tmp_path):
    assert "no place to get 'a.bin' from" in failure(tmp_path, {"files": [{"name": "a.bin"}]})
    source = {"files": [{"name": "../a.bin", "path": "a.bin"}]}
    assert "'../a.bin' is not a plain file name" in failure(tmp_path, source)


# The hub

TRAIN = "i am low;sadness\nwell; quite happy;joy\n"
TEST = "fine;joy\n"


def hub_source():
    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    return {
        "hub": {"repo": "someone/emotion", "config": "split", "revision": "c" * 40},
        "files": [
            {"name": "train.txt", "split": "train", "sha256": digest(TRAIN)},
            {"name": "test.txt", "split": "test", "sha256": digest(TEST)},
        ],
    }


def hub_splits(names=LABELS, test_text="fine"):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(names))}
    )

    def split(texts, labels):
        return datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)

    return datasets.DatasetDict(
        {
            "train": split(["i am low", "well; quite happy"], [0, 1]),
            "test": split([test_text], [1]),
        }
    )


def patch_hub(monkeypatch, answer):
    calls = []

    def load_dataset(repo, config, **options):
        calls.append((repo, config, options["revision"]))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    return calls


def test_hub(tmp_path, monkeypatch):
    calls = patch_hub(monkeypatch, hub_splits())
    raw = fetch(tmp_path, hub_source())
    assert (raw / "train.txt").read_text() == TRAIN
    assert (raw / "test.txt").read_text() == TEST
    assert calls == [("someone/emotion", "split", "c" * 40)]  # once for all files


def test_hub_rows_that_differ(tmp_path, monkeypatch):
    patch_hub(monkeypatch, hub_splits(test_text="fine "))
    message = failure(tmp_path, hub_source())
    assert "file 'test.txt': wrong checksum" in message and "someone/emotion" in message
    assert "expected sha256" in message and "found" in message
    assert "--config mirror=DIR reads DIR/demo/test.txt" in message


def test_hub_labels_in_another_order(tmp_path, monkeypatch):
    patch_hub(monkeypatch, hub_splits(names=["joy", "sadness"]))
    message = failure(tmp_path, hub_source())
    assert "its labels are ['joy', 'sadness'], the config's are ['sadness', 'joy']" in message


def test_hub_rows_of_several_labels(tmp_path, monkeypatch):
    import datasets

    written = '"say ""no"" "\t1,0\tx1\nfine\t1\tx2\n'
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "labels": datasets.Sequence(datasets.ClassLabel(names=list(LABELS))),
            "id": datasets.Value("string"),
        }
    )
    columns = {"text": ['say "no" ', "fine"], "labels": [[1, 0], [1]], "id": ["x1", "x2"]}
    rows = datasets.Dataset.from_dict(columns, features=features)
    patch_hub(monkeypatch, datasets.DatasetDict({"train": rows}))
    digest = hashlib.sha256(written.encode()).hexdigest()
    source = hub_source() | {"files": [{"name": "a.tsv", "split": "train", "sha256": digest}]}
    assert (fetch(tmp_path, source) / "a.tsv").read_bytes() == written.encode()
    message = failure(tmp_path / "b", source, labels=["joy", "sadness"])
    assert "its labels are ['sadness', 'joy'], the config's are ['joy', 'sadness']" in message


def test_hub_without_the_split(tmp_path, monkeypatch):
    splits = hub_splits()
    del splits["test"]
    patch_hub(monkeypatch, splits)
    assert "has no split 'test'" in failure(tmp_path, hub_source())


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach the Hub\nname resolution failed"),
        FileNotFoundError("404: no such revision"),
        ValueError("Unknown config"),
    ],
)
def test_hub_failures(tmp_path, monkeypatch, error):
    patch_hub(monkeypatch, error)
    message = failure(tmp_path, hub_source())
    assert type(error).__name__ in message and str(error).split("\n")[0] in message
    assert "hub data set someone/emotion at " + "c" * 40 in message
    assert "expected sha256 " + hub_source()["files"][0]["sha256"] in message
    assert "--config mirror=DIR" in message


def test_word_vectors_come_the_same_way_and_are_called_so(tmp_path):
    source = {"files": [{"name": "v.txt", "url": REFUSED, "sha256": SHA256}]}
    mirror = tmp_path / "mirror"
    (mirror / WORD_VECTORS.folder).mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        fetch_files(WORD_VECTORS, source, mirrors=[mirror], root=tmp_path, dest=tmp_path / "v.txt")
    assert str(caught.value).startswith("word vectors: no mirror has 'v.txt'; looked at ")
    assert f"{mirror}/vectors/v.txt" in str(caught.value)
    (mirror / WORD_VECTORS.folder / "v.txt").write_bytes(BODY)
    fetch_files(WORD_VECTORS, source, mirrors=[mirror], root=tmp_path, dest=tmp_path / "v.txt")
    assert sha256_of(tmp_path / "v.txt" / "v.txt") == SHA256
    (mirror / WORD_VECTORS.folder / "v.txt").write_bytes(BODY[1:])
    with pytest.raises(UserError, match=r"word vectors, file 'v\.txt': wrong checksum"):
        fetch_files(WORD_VECTORS, source, mirrors=[mirror], root=tmp_path, dest=tmp_path / "v.txt")


@pytest.mark.parametrize(
    ("file", "pinned"),
    [
        ({"url": REFUSED, "sha256": SHA256}, True),
        ({"path": "data/demo.csv"}, True),  # the file is an input of the job
        ({"url": REFUSED}, False),
        ({}, False),  # only a mirror has it
    ],
)
def test_a_source_is_pinned_if_all_its_files_are(file, pinned):
    sound = {"name": "a.bin", "sha256": SHA256}
    assert is_pinned({"files": [sound, {"name": "b.bin", **file}]}) == pinned


def test_local_files_get_the_hash_that_they_have(tmp_path):
    mirror, dest = tmp_path / "mirror", tmp_path / "vectors" / "v.txt"
    (mirror / "vectors").mkdir(parents=True)
    (mirror / "vectors" / "v.txt").write_bytes(BODY)
    (tmp_path / "a.bin").write_bytes(BODY)
    web = {"name": "b.bin", "url": REFUSED, "sha256": "0" * 64}

    def hashes(*files, mirrors=()):
        source = with_hashes(
            WORD_VECTORS, {"files": list(files)}, mirrors=mirrors, root=tmp_path, dest=dest
        )
        return [file.get("sha256") for file in source["files"]]

    own, mirrored = {"name": "c", "path": "a.bin"}, {"name": "v.txt"}
    assert hashes(own, web, mirrored, mirrors=[mirror]) == [SHA256, "0" * 64, SHA256]
    assert hashes({**own, "sha256": SHA256}) == [SHA256]
    assert hashes(mirrored) == [None]
    # without the mirror it was fetched from: as it was fetched
    fetch_files(WORD_VECTORS, {"files": [mirrored]}, mirrors=[mirror], root=tmp_path, dest=dest)
    assert hashes(mirrored) == [SHA256]
    (mirror / "vectors" / "v.txt").write_bytes(BODY[1:])
    assert hashes(mirrored, mirrors=[mirror]) == [hashlib.sha256(BODY[1:]).hexdigest()]
    # not what the config says: another parameter, so that the job runs and refuses it
    (told,) = with_hashes(
        WORD_VECTORS, {"files": [{**own, "sha256": "0" * 64}]}, mirrors=[], root=tmp_path, dest=dest
    )["files"]
    message = failure(tmp_path, {"files": [told]})
    assert message.endswith("; put back the file that is meant, or correct sha256 in the config")
    assert told == {"found": SHA256, "name": "c", "path": "a.bin", "sha256": "0" * 64}
