"""Hashes of local files, as params of the jobs that read them.

Snakemake looks at a file's time, and a file that is put back to an older version with its time (cp -p, rsync -a, tar,
git-lfs) is not newer than what was made from the newer version. Its content shows the change.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from emopress.artifact import replaced_file, sha256_of
from emopress.errors import UserError

KNOWN = Path(".snakemake") / "emopress-hashes.json"  # path -> identity and hash of large files
LARGE_BYTES = 64_000_000  # what is smaller is hashed in a tenth of a second
SETTLED_S = 3  # younger changes may share their time with the next one

_hashes: dict[tuple[Path, tuple[int, ...]], str] = {}  # of this process


def local_sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file, 64 lower-case hex digits; for a large file from an earlier call if possible.

    Small files are read once in each process. The hash of a large one is kept in `KNOWN`, below the
    working folder, and holds while size, inode, and the times of the last change of content and of
    inode are the same: the last is set by the file system's clock whenever a file is written or put in
    another's place, and no program can set it back. (Windows has another time there; on it a large file
    that is put back with its time and size is missed.) UserError for a file that cannot be read.
    """
    path = Path(os.path.abspath(path))
    try:
        identity = _identity(path)
        if (path, identity) not in _hashes:
            large = identity[0] >= LARGE_BYTES
            _hashes[path, identity] = _of_large(path, identity) if large else sha256_of(path)
    except OSError as error:
        raise UserError(f"{error.filename or path}: {error.strerror or error}") from None
    return _hashes[path, identity]


def _identity(path: Path) -> tuple[int, ...]:
    """Return size, inode, and the times in ns of the last change of the content and of the inode."""
    facts = path.stat()
    return facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def _of_large(path: Path, identity: tuple[int, ...]) -> str:
    known, name = read_mapping(KNOWN), os.path.relpath(path)
    if known.get(name, {}).get("identity") == list(identity):
        return str(known[name]["sha256"])
    started = time.time()
    sha256 = sha256_of(path)
    if started - max(identity[2:]) / 1e9 > SETTLED_S:
        known[name] = {"identity": list(identity), "sha256": sha256}
        with replaced_file(KNOWN) as temporary:
            temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return sha256


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in a JSON file that can be written again: {} if it is absent or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
