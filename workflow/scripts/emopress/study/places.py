"""Where the artifacts of a study are below results/, and which of them some jobs read."""

from collections.abc import Mapping
from typing import Any

from emopress.study.study import Study


def _of(dataset: str, variant: str, seed: int | str, file: str) -> str:
    return f"results/{dataset}/{variant}/seed{seed}/{file}"


def checkpoint_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return the manifest of a variant's checkpoint. (All arguments of these functions may be wildcards.)"""
    return _of(dataset, variant, seed, "checkpoint/checkpoint.json")


def bundle_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return the manifest of a variant's bundle."""
    return _of(dataset, variant, seed, "bundle/bundle.json")


def predictions_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return a variant's predictions."""
    return _of(dataset, variant, seed, "predictions.parquet")


def cut_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return how many texts a variant reads to their end."""
    return _of(dataset, variant, seed, "cut.json")


def cross_entropy_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return what each token costs a generative variant."""
    return _of(dataset, variant, seed, "cross-entropy.json")


def logits_of(dataset: str, variant: str, seed: int | str) -> str:
    """Return a teacher's logits for the training texts."""
    return _of(dataset, variant, seed, "logits/train.safetensors")


def spans_of(dataset: str, settings: Mapping[str, Any], seed: int | str) -> str:
    """Return the joined spans of a distillation, given its settings of them (`entries.distill.JoinedSpans`)."""
    return f"results/data/{dataset}/joined-spans/{_in_folds(settings)}.seed{seed}.parquet"


def spans_logits_of(
    dataset: str, variant: str, seed: int | str, settings: Mapping[str, Any]
) -> str:
    """Return a teacher's logits for these joined spans."""
    name = f"logits/joined-spans.{_in_folds(settings)}.safetensors"
    return _of(dataset, variant, seed, name)


def _in_folds(settings: Mapping[str, Any]) -> str:
    return f"{settings['texts']}-in-{settings['folds']}"


def pretrained_inputs(study: Study, model: str) -> dict[str, str]:
    """Return the fetched folders (their manifests) that building a transformer or LSTM needs."""
    entry, inputs = study.models[model], {}
    tokenizer = entry.get("tokenizer", {})
    if "hub" in entry or "from_mirror" in entry:
        inputs["pretrained"] = f"results/models/{model}/pretrained.json"
    if "model" in tokenizer:
        inputs["pretrained_tokenizer"] = f"results/models/{tokenizer['model']}/pretrained.json"
    elif "hub" in tokenizer or "from_mirror" in tokenizer:
        inputs["pretrained_tokenizer"] = f"results/tokenizers/{model}/pretrained.json"
    return inputs


def vectors_inputs(study: Study, model: str) -> dict[str, str]:
    """Return the fetched file of vectors (its manifest) of a dense model that starts from one."""
    vectors = study.models[model]["vectors"]
    return (
        {"vectors": f"results/vectors/{vectors['file']}/manifest.json"} if "file" in vectors else {}
    )


def timed(study: Study, dataset: str) -> list[tuple[str, int, str, str]]:
    """Return (variant, seed, runtime, manifest) of all that a data set's timing job times.

    Beside the bundles these are the transformers that others are compared with, in other engines, and one bundle a
    second time ("twin"): how much its two timings differ shows the error of the measurement.
    """
    variants, timing = study.variants[dataset], study.timing
    transformers = set(study.model_names("transformer"))
    compared = {study.reference(dataset, variant) for variant in variants} & transformers
    references = sorted(name for name in compared if not study.is_large(name))
    engines = [("bundle", variants, bundle_of)]
    engines += [("pytorch", references, checkpoint_of)] if timing.pytorch else []
    engines += [("openvino-reference", references, bundle_of)] if timing.openvino else []
    first, seed = study.yardstick(dataset), study.seeds[0]
    return [
        (name, seed, engine, manifest_of(dataset, name, seed))
        for engine, names, manifest_of in engines
        for name in names
        for seed in study.seeds
    ] + [(first, seed, "twin", bundle_of(dataset, first, seed))]
