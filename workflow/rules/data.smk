# Download -> verify sha256 -> split and normalise -> data card; pretrained checkpoints, tokenizers, word vectors.

from emopress.data.formats import KEYS
from emopress.data.labels import file_labels
from emopress.data.pretrained import check_source, mirrored_files
from emopress.data.sources import WORD_VECTORS, check_places, data_set, with_hashes

# Said of the texts, not done to them.
DESCRIBED = ("title", "demo", "licence", "licence_url", "citation")


def keys_of(dataset, keys, without=False):
    """Return these keys of a data set's entry, or all but these."""
    entry = STUDY.datasets[dataset]
    return {key: value for key, value in entry.items() if (key in keys) != without}


def source_without(dataset, keys):
    """Return where a data set's files come from, each without these keys."""
    source = STUDY.datasets[dataset]["source"]
    files = [
        {key: value for key, value in file.items() if key not in keys}
        for file in source["files"]
    ]
    return {**source, "files": files}


def fetched(dataset):
    """Return where a data set's files come from, and nothing of how they are read."""
    return source_without(dataset, KEYS)


def prepared(dataset):
    """Return what shapes a data set's tables; what the files hold, an input says."""
    entry = keys_of(dataset, DESCRIBED, without=True)
    return {**entry, "source": source_without(dataset, ("sha256",))}


def local_files(wildcards):
    """Return the files of a data set that lie in this repository."""
    files = STUDY.datasets[wildcards.dataset]["source"]["files"]
    return [here(file["path"]) for file in files if "path" in file]


def hashed(owner, source, dest):
    """Return a source with the hashes of its local files, whose times may lie.

    One line if a file is in no mirror, or nowhere at all: a dry run tells it.
    """
    try:
        check_places(owner, source, mirrors=CONTEXT.mirror_paths, dest=Path(dest))
        return with_hashes(
            owner, source, mirrors=CONTEXT.mirror_paths, root=ROOT, dest=Path(dest)
        )
    except UserError as error:
        raise WorkflowError(str(error)) from None


def hub_of(kind, entry, name, dest):
    """Return what identifies a published checkpoint or tokenizer: repo and revision on the hub, and hashes.

    One line if it is in no mirror, or nowhere at all: a dry run tells it.
    """
    found = {"sha256": entry["sha256"]} if "sha256" in entry else {}
    if "hub" in entry:
        found |= {"repo": entry["hub"], "revision": entry.get("revision", "main")}
    try:
        check_source(kind, name, found, mirrors=CONTEXT.mirror_paths, dest=Path(dest))
    except UserError as error:
        raise WorkflowError(str(error)) from None
    files = mirrored_files(
        kind,
        name,
        mirrors=CONTEXT.mirror_paths,
        dest=Path(dest),
        stated=entry.get("sha256"),
    )
    return found | ({"mirrored": files} if files else {})


rule fetch_data:
    input:
        local=ancient(local_files),  # its hash is among the params
        code=code_of("fetch_data.py"),
    output:
        manifest="results/data/{dataset}/raw/manifest.json",
    log:
        "results/logs/fetch_data/{dataset}.log",
    benchmark:
        "results/benchmarks/fetch_data/{dataset}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=120,
    params:
        context=context_of,
        source=lambda wildcards: hashed(
            data_set(wildcards.dataset),
            fetched(wildcards.dataset),
            f"results/data/{wildcards.dataset}/raw",
        ),
        labels=lambda wildcards: file_labels(STUDY.datasets[wildcards.dataset]),
        separator=lambda wildcards: STUDY.datasets[wildcards.dataset]["columns"].get(
            "separator", ","
        ),
    message:
        "{wildcards.dataset}: fetch"
    script:
        "../scripts/fetch_data.py"


rule prepare_data:
    input:
        manifest="results/data/{dataset}/raw/manifest.json",
        code=code_of("prepare_data.py"),
    output:
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        test="results/data/{dataset}/test.parquet",
        counts="results/data/{dataset}/counts.json",
    log:
        "results/logs/prepare_data/{dataset}.log",
    benchmark:
        "results/benchmarks/prepare_data/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        dataset=lambda wildcards: prepared(wildcards.dataset),
    message:
        "{wildcards.dataset}: split and normalise"
    script:
        "../scripts/prepare_data.py"


rule describe_data:
    input:
        counts="results/data/{dataset}/counts.json",
        code=code_of("emopress.data.prepare:describe_dataset"),
    output:
        out=report(
            "results/data/{dataset}/card.json",
            caption="../report/data_card.rst",
            category="Data",
            labels={"data set": "{dataset}"},
        ),
    log:
        "results/logs/describe_data/{dataset}.log",
    benchmark:
        "results/benchmarks/describe_data/{dataset}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        context=context_of,
        maker="emopress.data.prepare:describe_dataset",
        cached=False,
        described=lambda wildcards: keys_of(wildcards.dataset, DESCRIBED),
    message:
        "{wildcards.dataset}: data card"
    script:
        "../scripts/make.py"


VECTOR_FILES = {  # models that share a file agree on its url and sha256
    entry["vectors"]["file"]: {
        "name": entry["vectors"]["file"],
        **{
            key: entry["vectors"][key]
            for key in ("url", "sha256")
            if key in entry["vectors"]
        },
    }
    for entry in STUDY.models.values()
    if "file" in entry.get("vectors", {})
}


rule fetch_vectors:
    input:
        code=code_of("fetch_vectors.py"),
    output:
        manifest="results/vectors/{file}/manifest.json",
    log:
        "results/logs/fetch_vectors/{file}.log",
    benchmark:
        "results/benchmarks/fetch_vectors/{file}.tsv"
    wildcard_constraints:
        file=any_of(VECTOR_FILES),
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=240,
    params:
        context=context_of,
        file=lambda wildcards: hashed(
            WORD_VECTORS,
            {"files": [VECTOR_FILES[wildcards.file]]},
            f"results/vectors/{wildcards.file}",
        )["files"][0],
    message:
        "{wildcards.file}: fetch the word vectors"
    script:
        "../scripts/fetch_vectors.py"


def model_in_mirror(wildcards):
    return STUDY.models[wildcards.model].get("mirrored_as", wildcards.model)


def tokenizer_in_mirror(wildcards):
    tokenizer = STUDY.models[wildcards.model]["tokenizer"]
    return tokenizer.get("from_mirror", wildcards.model)


rule fetch_model:
    input:
        code=code_of("fetch_pretrained.py"),
    output:
        manifest="results/models/{model}/pretrained.json",
    log:
        "results/logs/fetch_model/{model}.log",
    benchmark:
        "results/benchmarks/fetch_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(TRANSFORMERS),
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=240,
    params:
        context=context_of,
        kind="model",
        source=lambda wildcards: hub_of(
            "model",
            STUDY.models[wildcards.model],
            model_in_mirror(wildcards),
            f"results/models/{wildcards.model}",
        ),
        mirrored_as=model_in_mirror,
    message:
        "{wildcards.model}: fetch the pretrained checkpoint"
    script:
        "../scripts/fetch_pretrained.py"


use rule fetch_model as fetch_tokenizer with:
    output:
        manifest="results/tokenizers/{model}/pretrained.json",
    log:
        "results/logs/fetch_tokenizer/{model}.log",
    benchmark:
        "results/benchmarks/fetch_tokenizer/{model}.tsv"
    wildcard_constraints:
        model=any_of(TRANSFORMERS + LSTMS),
    params:
        context=context_of,
        kind="tokenizer",
        source=lambda wildcards: hub_of(
            "tokenizer",
            STUDY.models[wildcards.model]["tokenizer"],
            tokenizer_in_mirror(wildcards),
            f"results/tokenizers/{wildcards.model}",
        ),
        mirrored_as=tokenizer_in_mirror,
    message:
        "{wildcards.model}: fetch the tokenizer"
