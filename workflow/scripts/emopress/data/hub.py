"""Downloads checkpoints and tokenizers from the hub, and explains its errors in one line."""

import re
from pathlib import Path
from typing import Any

from emopress.data.mirrors import TAKEN, mirror_hint
from emopress.errors import UserError, kind_and_text


def is_commit(revision: Any) -> bool:
    """Return whether a hub revision is a full commit id, whose files never change."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", str(revision)))


def resolve_revision(repo: str, revision: str) -> str:
    """Return the commit that a branch, tag or commit of a hub repository stands for.

    A full commit id is returned as it is, without asking the hub.
    """
    if is_commit(revision):
        return revision
    import huggingface_hub

    try:
        commit = huggingface_hub.HfApi().repo_info(repo, revision=revision).sha
    except Exception as error:  # the hub's client raises many kinds, and none is swallowed
        refused = _no_access(repo, error)
        if refused:
            raise UserError(f"hub repository {repo}: {refused}") from None
        raise UserError(
            _not_there(repo, revision, error)
            or f"hub repository {repo}: cannot resolve revision '{revision}' ({kind_and_text(error)})"
        ) from error
    if not commit:
        raise UserError(f"hub repository {repo}: revision '{revision}' has no commit")
    return commit


def downloaded(kind: str, name: str, repo: str, revision: str) -> tuple[Path, str]:
    """Return the hub client's folder of a repository at a revision, and the commit that this is."""
    import huggingface_hub

    commit = resolve_revision(repo, revision)
    try:
        folder = huggingface_hub.snapshot_download(
            repo, revision=commit, allow_patterns=TAKEN[kind]
        )
    except Exception as error:  # the hub's client raises many kinds, and none is swallowed
        refused = _no_access(repo, error)
        if refused:
            raise UserError(
                f"{kind} '{name}': hub repository {repo}: {refused}, or use {mirror_hint(kind, name)}"
            ) from None
        absent = _not_there(repo, commit, error)
        if absent:
            raise UserError(
                f"{kind} '{name}': {absent}, or use {mirror_hint(kind, name)}"
            ) from error
        raise UserError(
            f"{kind} '{name}': cannot download hub repository {repo} at {commit} "
            f"({kind_and_text(error)}); try again, or use {mirror_hint(kind, name)}"
        ) from error
    return Path(folder), commit


def _no_access(repo: str, error: Exception) -> str | None:
    """Return what to do about a repository that the hub refuses (401, 403), None for other errors.

    The hub answers 401 for a private repository and for one that is not there alike. Neither the
    token nor the hub's own text is repeated.
    """
    cause: BaseException | None = error  # the client may raise another error from the hub's answer
    while cause and getattr(getattr(cause, "response", None), "status_code", 0) not in (401, 403):
        cause = cause.__cause__
    if not cause:
        return None
    status = cause.response.status_code  # type: ignore[attr-defined]
    return (
        f"no access (HTTP status {status}): it is gated, private or not there; accept its terms on "
        f"https://huggingface.co/{repo} with your account, then put a token of that account that may "
        "read it into the environment variable HF_TOKEN"
    )


def _not_there(repo: str, revision: str, error: Exception) -> str | None:
    """Return what is not there: the repository, the revision, or the hub as a whole; None for other errors."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    for cause in causes:
        if isinstance(cause, RevisionNotFoundError):
            return f"hub repository {repo} has no revision {revision}; correct `revision` in the config"
        if isinstance(cause, RepositoryNotFoundError):
            return f"there is no hub repository {repo}; correct `hub` in the config"
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout", "OfflineModeIsEnabled"):
            what = " ".join(str(cause).split())
            return (
                f"no connection to the hub for repository {repo} ({what}); try again with a network"
            )
    return None
