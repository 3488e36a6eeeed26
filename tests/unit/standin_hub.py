"""A stand-in for the Hugging Face hub's HTTP interface, as far as an upload of huggingface_hub uses it."""

import base64
import fnmatch
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub:
    """What arrived: requests as (method, path, headers, body), files of commits, and what to answer.

    `failures`: a part of a path -> status (and message) with which requests of such paths are refused.
    `existing`: repository -> whether it is private. `ignored`: patterns of its .gitignore.
    """

    def __init__(self, address):
        self.address = address
        self.requests, self.commits, self.branches, self.stored = [], [], [], {}
        self.failures, self.existing, self.ignored = {}, {}, []

    def paths(self):
        """Return the methods and paths of all requests, in order."""
        return [f"{method} {urlsplit(path).path}" for method, path, _, _ in self.requests]

    def answer(self, method, path, body):
        """Return (status, what to send as JSON) for one request."""
        query, path = urlsplit(path).query, unquote(urlsplit(path).path)
        match path.strip("/").split("/"):
            case ["api", "validate-yaml"]:
                assert json.loads(body)["content"].startswith("---\n")
                return 200, {}
            case ["api", "repos", "create"]:
                wanted = json.loads(body)
                repo = f"{wanted['organization']}/{wanted['name']}"
                status = 409 if repo in self.existing else 200
                self.existing.setdefault(repo, wanted.get("visibility") == "private")
                return status, {"url": f"{self.address}/{repo}"}
            case ["api", "models", owner, name]:
                repo = f"{owner}/{name}"
                if repo not in self.existing:
                    return 404, {"error": "Repository not found"}
                return 200, {"id": repo, "private": self.existing[repo], "siblings": []}
            case ["api", "models", _, _, "revision", commit]:
                return 200, {"id": "a/b", "sha": commit, "siblings": []}
            case ["api", "models", _, _, "tree", _]:
                oid = "0" * 40
                files = ("config.json", "model.safetensors", "tokenizer.json")
                return 200, [{"type": "file", "path": f, "size": 2, "oid": oid} for f in files]
            case ["api", "models", _, _, "branch", *branch]:
                self.branches.append("/".join(branch))
                return 200, {}
            case ["api", "models", _, _, "preupload", *_]:
                wanted = json.loads(body)
                patterns = [] if wanted.get("gitIgnore") else self.ignored
                return 200, {"files": [self._mode(file, patterns) for file in wanted["files"]]}
            case [_, name, "info", "lfs", "objects", "batch"] if name.endswith(".git"):
                return 200, {"objects": [self._place(file) for file in json.loads(body)["objects"]]}
            case ["lfs", oid]:
                self.stored[oid] = body
                return 200, {}
            case ["api", "models", owner, name, "commit", *revision]:
                return 200, self._commit(f"{owner}/{name}", "/".join(revision), query, body)
        return 404, {"error": f"the stand-in does not know {method} {path}"}

    def _mode(self, file, patterns):
        big = file["path"].endswith((".onnx", ".npz", ".bin")) or file["size"] > 10_000_000
        ignore = any(fnmatch.fnmatch(file["path"], pattern) for pattern in patterns)
        mode = "lfs" if big else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": ignore}

    def _place(self, file):
        upload = {"href": f"{self.address}/lfs/{file['oid']}"}
        return {**file, "actions": {"upload": upload}}

    def _commit(self, repo, revision, query, body):
        lines = [json.loads(line) for line in body.splitlines()]
        files, modes = {}, {}
        for line in lines[1:]:
            value = line["value"]
            modes[value["path"]] = line["key"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.stored[value["oid"]]
                assert hashlib.sha256(files[value["path"]]).hexdigest() == value["oid"]
        message = lines[0]["value"]["summary"]
        commit = {"repo": repo, "revision": revision, "query": query, "message": message}
        self.commits.append({**commit, "files": files, "modes": modes})
        return {
            "commitUrl": f"{self.address}/{repo}/commit/{'1' * 40}",
            "commitOid": "1" * 40,
            "pullRequestUrl": f"{self.address}/{repo}/discussions/3" if query else None,
        }


@contextmanager
def standin_hub():
    """Serve a Hub on a free local port."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self):
            body = self._body()
            with lock:
                hub.requests.append((self.command, self.path, dict(self.headers), body))
                refusal = next((f for part, f in hub.failures.items() if part in self.path), None)
                status, found = refusal or hub.answer(self.command, self.path, body)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if "code" in found:  # such as GatedRepo
                self.send_header("X-Error-Code", found["code"])
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PUT = respond

        def _body(self):
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
