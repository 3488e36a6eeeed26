"""A stand-in for one repository on the Hugging Face hub, as far as a download of huggingface_hub asks for it."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

REFUSALS = {
    "RepoNotFound": (404, "Repository not found"),
    "RevisionNotFound": (404, "Invalid rev id"),
    "GatedRepo": (403, "Access to this is restricted"),
}


@contextmanager
def standin_repository(files, commit):
    """Serve `files` (name -> bytes) as every repository's content at `commit`, on a free local port.

    Yields an object with `address`, `requests` (method, path, range), `refusal` (a key of REFUSALS, or
    None) and `breaks` (file -> how many answers break off in the middle).
    """
    state = SimpleNamespace(requests=[], refusal=None, breaks={}, address=None)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            state.requests.append((self.command, path, self.headers.get("Range")))
            if state.refusal:
                status, text = REFUSALS[state.refusal]
                self.send(status, {"error": text}, {"X-Error-Code": state.refusal})
            elif "/tree/" in path:
                table = [
                    {"type": "file", "path": name, "size": len(content), "oid": oid(content)}
                    for name, content in files.items()
                ]
                self.send(200, table)
            elif path.startswith("/api/"):
                siblings = [{"rfilename": name} for name in files]
                self.send(200, {"id": "a/b", "sha": commit, "siblings": siblings})
            else:
                self.send_file(path.rsplit("/", 1)[1])

        do_HEAD = do_GET

        def send(self, status, found, headers=None):
            body = json.dumps(found).encode()
            self.start(status, len(body), {"Content-Type": "application/json", **(headers or {})})
            if self.command == "GET":
                self.wfile.write(body)

        def send_file(self, name):
            content, wanted = files[name], self.headers.get("Range")
            first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
            headers = {
                "ETag": f'"{oid(content)}"',
                "X-Repo-Commit": commit,
                "Accept-Ranges": "bytes",
            }
            if wanted:
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            body = content[first:]
            self.start(206 if wanted else 200, len(body), headers)
            if self.command == "HEAD":
                return
            if state.breaks.get(name, 0):
                state.breaks[name] -= 1
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.wfile.write(body)

        def start(self, status, length, headers):
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def oid(content):
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
