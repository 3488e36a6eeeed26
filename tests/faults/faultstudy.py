"""A tiny study in a copy of the project, for tests that kill, damage and move what it makes."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import yaml

# killing.py, which uses this as a script, has none of the paths that pytest sets.
sys.path.append(str(Path(__file__).parents[1]))

from command_line import STUCK_S, run_warm
from project_copy import ROOT, copy_project

TEXTS = 240
QUICK = ["linear", "linear+int8-weights", "dense"]


def corpus():
    """Return the first texts of the English demo corpus, as a CSV file's bytes."""
    lines = (ROOT / "data" / "demo" / "demo-en.csv").read_bytes().splitlines(keepends=True)
    return b"".join(lines[: TEXTS + 1])


class SlowServer(BaseHTTPRequestHandler):
    """Serves the corpus in pieces, from any byte on."""

    seconds, pieces = 1.0, 40

    def do_GET(self):
        data = corpus()
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        size = len(data) // self.pieces
        for at in range(start, len(data), size):
            try:
                self.wfile.write(data[at : at + size])
            except OSError:  # the reader was killed
                return
            time.sleep(self.seconds / self.pieces)

    def log_message(self, *_):
        pass


@contextmanager
def slow_server():
    """Yield the address of a server of the corpus."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowServer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/few.csv"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FaultStudy:
    """A copy of the project in `folder` with the tiny study, which snakemake runs in."""

    def __init__(self, folder, variants=QUICK, url=None, **changes):
        self.folder, self.results = Path(folder), Path(folder, "results")
        copy_project(self.folder)
        (self.folder / "few.csv").write_bytes(corpus())
        config = yaml.safe_load((ROOT / "tests" / "faults" / "study.yaml").read_text("utf-8"))
        config |= changes
        config["study"][0]["variants"] = list(variants)
        file = config["datasets"]["few"]["source"]["files"][0]
        if url:
            file |= {"url": url, "sha256": hashlib.sha256(corpus()).hexdigest()}
            del file["path"]
        self.write(config)

    def write(self, config):
        """Write the study's config."""
        self.config = config
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")

    def command(self, *targets, options=()):
        common = ["--cores", "2", "--configfile", "study.yaml", *options]
        return [sys.executable, "-m", "snakemake", *common, "--", *(targets or ["bundles"])]

    def environment(self, **more):
        # The jobs take the library of their own copy.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**kept, "PATH": path, **more}

    def snakemake(self, *targets, options=(), check=True, prefix=(), **environment):
        """Run snakemake to its end; returns the finished process, with all it printed in stdout."""
        if not prefix:
            arguments = self.command(*targets, options=options)[3:]
            done = run_warm(self.folder, arguments, self.environment(**environment), together=True)
            assert not check or done.returncode == 0, done.stdout
            return done
        done = subprocess.run(
            [*prefix, *self.command(*targets, options=options)],
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STUCK_S,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def planned(self, *targets):
        """Return how many jobs a dry run would start."""
        told = self.snakemake(*targets, options=["-n"]).stdout
        found = re.search(r"^total +(\d+)", told, flags=re.MULTILINE)
        return int(found[1]) if found else 0

    @contextmanager
    def running(self, *targets):
        """Yield a snakemake in a session of its own; nothing of it is left at the end."""
        with open(self.folder / "terminal.txt", "ab") as terminal:
            process = subprocess.Popen(
                self.command(*targets),
                cwd=self.folder,
                env=self.environment(),
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill(members(process.pid))
            process.wait()

    def unlock(self):
        """Do what `snakemake --unlock` does (a test shows that), without the seconds it takes."""
        shutil.rmtree(self.folder / ".snakemake" / "locks", ignore_errors=True)

    def hashes(self):
        """Return file below results/ -> sha256, for all that does not tell of jobs."""
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.results.rglob("*"))
            if path.is_file()
            and not (name := path.relative_to(self.results).as_posix()).startswith(
                ("logs/", "benchmarks/")
            )
        }


def members(session):
    """Return pid -> command line of the processes of a session."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(sid) == session and state != "Z":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def jobs(session):
    """Return the processes of a session that run a rule's script."""
    return [
        pid
        for pid, line in members(session).items()
        if "/.snakemake/scripts/" in line and "bash" not in line
    ]


def kill(pids):
    """Send SIGKILL to each of these processes."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended meanwhile
