"""What the licences of base checkpoints and data allow, and which one decides for a model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Licence:
    """A licence: the hub's id, its name and text, how strict it is, and what it asks for."""

    id: str
    name: str
    url: str
    strictness: int  # the larger decides
    asks: str


ASK_THE_OWNER = "emopress does not know what it allows: read it, or ask the owner, before you use or pass on the model"
OTHER = "other"
FREE = "use, also commercial, and changes are allowed"
KNOWN = {
    licence.id: licence
    for licence in (
        Licence("pddl", "PDDL 1.0", "https://opendatacommons.org/licenses/pddl/1-0/", 0,
                f"{FREE}; it asks for nothing"),
        Licence("mit", "MIT", "https://opensource.org/license/mit", 1,
                f"{FREE}; its notice must go with every copy"),
        Licence("apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0", 2,
                f"{FREE}; a copy of the licence and its notices must go with every copy, and changed files must say "
                "that they were changed"),
        Licence("cc-by-4.0", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", 3,
                f"{FREE}; the authors must be credited, with a link to the licence and a note of what was changed"),
        Licence("gemma", "Gemma Terms of Use", "https://ai.google.dev/gemma/terms", 4,
                f"{FREE}, except for what its Prohibited Use Policy lists; whoever passes on the model, or one derived "
                "from it (fine-tuned, distilled, quantized), must put it under these terms, give a copy of them, and "
                "say that files were changed"),
        Licence("cc-by-nc-sa-4.0", "CC BY-NC-SA 4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/", 5,
                "it forbids commercial use; whoever passes on the model, or one adapted from it (fine-tuned, "
                "distilled, pruned, quantized), must credit the authors, say what was changed, and put it under the "
                "same licence"),
    )
}  # fmt: skip
UNSTATED = "not stated by "  # what train/finetune.py writes where a checkpoint names no licence
# Licences of checkpoints that may have been converted by hand, without their model card.
CHECKPOINTS = {
    "csebuetnlp/banglabert": "cc-by-nc-sa-4.0",
    "distilbert/distilbert-base-multilingual-cased": "apache-2.0",
    "distilbert/distilbert-base-uncased": "apache-2.0",
    "google/gemma-1.1-2b-it": "gemma",
    "google-bert/bert-base-multilingual-cased": "apache-2.0",
    "google-bert/bert-base-uncased": "apache-2.0",
    "mistralai/Mistral-7B-Instruct-v0.1": "apache-2.0",
    "mistralai/Mistral-7B-v0.1": "apache-2.0",
    "sentence-transformers/all-MiniLM-L6-v2": "apache-2.0",
}


@dataclass(frozen=True)
class Stated:
    """A licence as stated, what it applies to, and which known licence it is, if any."""

    text: str
    of: str
    known: Licence | None
    url: str = ""


def recognise(text: str) -> Licence | None:
    """Return the known licence that `text` names by id or name, possibly with a remark in brackets."""
    plain = re.sub(r"\s*\(.*\)\s*$", "", text).strip().lower()
    named = {licence.name.lower(): licence for licence in KNOWN.values()}
    named |= {"mit license": KNOWN["mit"], "apache 2.0": KNOWN["apache-2.0"]}
    return KNOWN.get(plain.replace(" ", "-")) or named.get(plain)


def checkpoint_licences(manifest: Mapping[str, Any]) -> list[Stated]:
    """Return the licences of all checkpoints, tokenizers and vectors that a bundle was made from.

    `manifest` has `recipe`, `licences` and possibly `base`. A licence that a checkpoint does not state is
    taken from CHECKPOINTS. That of a tokenizer taken from another model counts too.
    """
    hubs, vectors = hub_names(manifest), _vector_files(manifest)
    licences = []
    for entry in manifest.get("licences") or []:
        if entry.startswith(UNSTATED):
            name = entry.removeprefix(UNSTATED)
            repo = hubs.get(name, "")
            if repo in CHECKPOINTS:
                licences.append(Stated(CHECKPOINTS[repo], repo, KNOWN[CHECKPOINTS[repo]]))
            else:
                licences.append(Stated("not stated", repo or name, None))
            continue
        for text in (part.strip() for part in entry.split(", ")):
            owners = [repo for repo in hubs.values() if CHECKPOINTS.get(repo) == text]
            owners += vectors.get(text, [])
            of = ", ".join(owners) or "a base checkpoint"
            licences.append(Stated(text, of, recognise(text)))
    for name in _tokenizer_donors(manifest):
        repo = hubs.get(name, name)
        text = CHECKPOINTS.get(repo, "not stated")
        licences.append(Stated(text, f"the tokenizer of {repo}", recognise(text)))
    return list(dict.fromkeys(licences))


def hub_names(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the hub repositories of the pretrained models in a bundle's recipe, by model name."""
    names = {step["name"]: step["hub"] for step in _models(manifest) if step.get("hub")}
    base = manifest.get("base") or {}
    if base.get("repo"):
        names[base["name"]] = base["repo"]
    return names


def deciding(licences: Iterable[Stated]) -> Stated | None:
    """Return the strictest licence: an unknown one, else the one that asks for most."""
    return max(
        licences,
        key=lambda stated: stated.known.strictness if stated.known else len(KNOWN) + 1,
        default=None,
    )


def _models(manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    steps = manifest["recipe"]
    students = [step["student_model"] for step in steps if step.get("student_model")]
    return [step for step in steps if "family" in step] + students


def _vector_files(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the files of word vectors in a recipe by their licence."""
    files: dict[str, list[str]] = {}
    for step in _models(manifest):
        vectors = step.get("vectors") or {}
        if "file" in vectors:
            files.setdefault(vectors["licence"], []).append(f"the word vectors {vectors['file']}")
    return files


def _tokenizer_donors(manifest: Mapping[str, Any]) -> list[str]:
    """Return where the shipped tokenizer, that of the last model in the recipe, was taken from."""
    tokenizer = _models(manifest)[-1].get("tokenizer") or {}
    return [str(tokenizer[key]) for key in ("model", "hub", "from_mirror") if key in tokenizer]
