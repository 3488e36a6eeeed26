"""Downloads one file for pooch, with retries, resume of a partial file and a progress bar."""

import os
import re
import time
from pathlib import Path
from typing import Any

import requests

from emopress.artifact import sha256_of

CHUNK_BYTES = 1 << 14  # small: what has come of the chunk in which it breaks off is lost
RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}


class TruncatedFile(requests.exceptions.ConnectionError):
    """The server closed the connection before it had sent what it announced."""


class ResumingDownloader:
    """A downloader for `pooch.retrieve` that keeps what it has in `part` until the file is whole.

    A try that breaks off is repeated up to `attempts` times, after `backoff_s` seconds, then twice
    as long each time; it asks for the missing bytes only (HTTP Range) and starts again where the
    server does not honour that. What pooch has no answer to, such as status 404, is raised at once.
    After a call `sha256` has the hash of the file and `resumed` says whether it came in pieces.
    """

    def __init__(
        self,
        part: Path,
        *,
        attempts: int = 5,
        backoff_s: float = 1.0,
        timeout_s: float = 30.0,
        progress: bool = True,
    ) -> None:
        self.part = part
        self.attempts = attempts
        self.backoff_s = backoff_s
        self.timeout_s = timeout_s
        self.progress = progress
        self.resumed = False
        self.sha256: str | None = None

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Download `url` to `output_file`; raises requests' exceptions after the last attempt."""
        for attempt in range(self.attempts):
            try:
                self._attempt(url)
                break
            except requests.exceptions.RequestException as error:
                if attempt + 1 == self.attempts or not _is_passing(error):
                    raise
                time.sleep(self.backoff_s * 2**attempt)
        self.sha256 = sha256_of(self.part)
        os.replace(self.part, output_file)

    def _attempt(self, url: str) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        # A compressed answer has no usable length and cannot be resumed.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout_s) as response:
            if have and response.status_code == requests.codes.requested_range_not_satisfiable:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return  # broke off after the last byte
                self.part.unlink()
                raise TruncatedFile("the partial file does not fit the server's; starting again")
            response.raise_for_status()
            if have and not _continues(response, have):
                have = 0
            self.resumed = self.resumed or have > 0
            announced = int(response.headers["Content-Length"]) + have if _sized(response) else None
            self._write(response, have, announced)
        size = self.part.stat().st_size
        if announced is not None and size < announced:
            raise TruncatedFile(f"truncated: {size} of {announced} bytes kept")

    def _write(self, response: requests.Response, have: int, announced: int | None) -> None:
        from tqdm import tqdm

        bar = tqdm(
            desc=self.part.stem,
            initial=have,
            total=announced,
            unit="B",
            unit_scale=True,
            disable=not self.progress,
        )
        with bar, self.part.open("ab" if have else "wb") as stream:
            try:
                for chunk in response.iter_content(CHUNK_BYTES):
                    stream.write(chunk)
                    bar.update(len(chunk))
            except requests.exceptions.ChunkedEncodingError as error:
                total = "an unknown number of" if announced is None else announced
                raise TruncatedFile(f"truncated: {stream.tell()} of {total} bytes kept") from error


def reason_of(error: requests.exceptions.RequestException) -> str:
    """Say in a few words, on one line, why a download failed."""
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code} {error.response.reason}".strip()
    if isinstance(error, TruncatedFile):
        return str(error)
    if isinstance(error, requests.exceptions.Timeout):
        return "timeout: the server does not answer"
    if isinstance(error, requests.exceptions.ConnectionError):
        cause = re.split(r": |\n", str(error).rstrip(")'\" "))[-1]
        cause = re.sub(r" ?\(?\[Errno -?\d+\] ", ", ", cause).strip(", ")
        return f"no connection ({cause})"
    return " ".join(str(error).split())


def _is_passing(error: requests.exceptions.RequestException) -> bool:
    """Tell whether a later attempt may succeed."""
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return error.response.status_code in RETRIED_STATUS
    return isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.Timeout)


def _continues(response: requests.Response, have: int) -> bool:
    start = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    return response.status_code == requests.codes.partial_content and start


def _sized(response: requests.Response) -> bool:
    return response.headers.get("Content-Length", "").isdigit()
