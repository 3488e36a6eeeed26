"""Uploads a bundle and its model card to the Hugging Face hub, in one commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emopress.artifact import PROVENANCE
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle

README = "README.md"
MAIN = "main"
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"
# The hub leaves out files that a .gitignore in the repository names, unless it is given another one.
IGNORE_NOTHING = "# no file of the bundle is ignored\n"
Files = Mapping[str, Path | bytes]


@dataclass(frozen=True)
class Upload:
    """Where to upload a bundle: repository, visibility of a new one, branch and commit message."""

    repo: str
    private: bool
    revision: str | None
    message: str
    create_pr: bool

    def plan(self, files: Files, licence: str) -> str:
        """Say what would be uploaded where, one line each, without using the network."""
        from huggingface_hub import constants

        sizes = {name: _size(content) for name, content in files.items()}
        width = len(f"{sum(sizes.values()):,}")
        where = "a new pull request" if self.create_pr else f"branch {self.revision or MAIN}"
        visibility = "private" if self.private else "public if the repository is new"
        lines = [
            f"would upload to {self.repo} at {constants.ENDPOINT}, {where}, in one commit",
            f"visibility: {visibility}",
            f"licence: {licence}",
            f"message: {self.message}",
            *(f"{size:>{width},} bytes  {name}" for name, size in sizes.items()),
            f"{sum(sizes.values()):>{width},} bytes  in {len(sizes)} files",
        ]
        return "\n".join(lines)


def check_repo(repo: str) -> None:
    """Raise UserError unless `repo` can be the name of a repository, OWNER/NAME."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    if "://" in repo or repo.count("/") > 1:
        raise UserError(f"repository {repo!r}: expected OWNER/NAME, after the bundle")
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(f"repository {repo!r}: {_line(error)}") from None
    if "/" not in repo:
        raise UserError(f"repository {repo!r}: its owner is missing; write OWNER/{repo}")


def shipment(bundle: Bundle, card: str) -> dict[str, Path | bytes]:
    """Return everything to upload, by name: the files of the bundle, its provenance, and the card."""
    names = [*bundle.files, *([PROVENANCE] if "provenance" in bundle.manifest else [])]
    if README in names:
        raise UserError(f"{bundle.folder}: it has a {README}, which is the name of the card")
    return {README: card.encode(), **{name: bundle.folder / name for name in names}}


def push(upload: Upload, files: Files) -> str:
    """Upload the files in one commit and return its address (that of the pull request, if any).

    The token is that of huggingface_hub (`hf auth login`, HF_TOKEN). UserError if there is none or
    anything goes wrong; its message never contains the token.
    """
    import huggingface_hub

    token = None
    try:
        token = huggingface_hub.get_token()
        if not token:
            raise UserError(f"push: no token; {LOG_IN}")
        return _push(huggingface_hub.HfApi(token=token), upload, files)
    except UserError:
        raise
    except Exception as error:  # the client of the hub raises many kinds; each is reported
        reason = _reason(error, upload, huggingface_hub.constants.ENDPOINT)
        if token:
            reason = reason.replace(token, "***")
        raise UserError(f"push: {reason}") from None


def _push(api: Any, upload: Upload, files: Files) -> str:
    from huggingface_hub import CommitOperationAdd

    repo = upload.repo
    api.create_repo(repo, private=upload.private or None, exist_ok=True)
    if upload.private and not api.repo_info(repo).private:
        raise UserError(f"push: {repo} exists and is public, so nothing was uploaded")
    revision = upload.revision or MAIN
    if revision != MAIN and not revision.startswith("refs/"):
        api.create_branch(repo, branch=revision, exist_ok=True)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in files.items()
    ]
    where = {"revision": revision, "create_pr": upload.create_pr}
    api.preupload_lfs_files(
        repo, operations, gitignore_content=IGNORE_NOTHING, free_memory=False, **where
    )
    done = api.create_commit(repo, operations, commit_message=upload.message, **where)
    return str(done.pr_url or done.commit_url)


def _reason(error: Exception, upload: Upload, endpoint: str) -> str:
    """Say what went wrong and what to do about it."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    cause: BaseException | None = error
    while cause is not None:  # errors from upload threads are wrapped
        if isinstance(cause, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE forbids the use of the network; unset it"
        if isinstance(cause, HfHubHTTPError):
            return _refusal(cause, upload, endpoint)
        if isinstance(cause, HTTPError):
            return f"cannot reach {endpoint} ({_line(cause)}); try again"
        cause = cause.__cause__
    return f"{type(error).__name__}: {_line(error)}"


def _refusal(error: Any, upload: Upload, endpoint: str) -> str:
    status, message = error.response.status_code, _line(error.server_message or "")
    reason = f" ({message})" if message else ""
    if status == 401:
        return f"{endpoint} does not accept the token{reason}; {LOG_IN}"
    if status == 403:
        return f"the token may not write to {upload.repo}{reason}; {LOG_IN}"
    if status == 404:
        what = (
            f"{upload.repo}, or its branch {upload.revision}," if upload.revision else upload.repo
        )
        return f"{endpoint} has no {what} that the token may see{reason}"
    again = "; try again later" if status == 429 or status >= 500 else ""
    return f"{endpoint} answered with status {status}{reason}{again}"


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _line(error: object) -> str:
    return " ".join(str(error).split())
