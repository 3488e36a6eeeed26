# Download -> verify sha256 -> split and normalise -> data card; pretrained checkpoints and tokenizers.


def local_files(wildcards):
    """Return the files of a data set that lie in this repository."""
    files = STUDY.datasets[wildcards.dataset]["source"]["files"]
    return [str(ROOT / file["path"]) for file in files if "path" in file]


def hub_of(entry):
    """Return repo and revision of an entry that may come from the hub; empty for a mirror's own."""
    if "hub" not in entry:
        return {}
    return {"repo": entry["hub"], "revision": entry.get("revision", "main")}


rule fetch_data:
    input:
        local=local_files,
        code=code_of("fetch_data.py"),
    output:
        manifest="results/data/{dataset}/raw/manifest.json",
    log:
        "results/logs/fetch_data/{dataset}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=lambda wildcards: STUDY.datasets[wildcards.dataset]["source"],
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
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
        card=report(
            "results/data/{dataset}/card.json",
            caption="../report/data_card.rst",
            category="Data",
            labels={"data set": "{dataset}"},
        ),
    log:
        "results/logs/prepare_data/{dataset}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=lambda wildcards: STUDY.datasets[wildcards.dataset],
    message:
        "{wildcards.dataset}: split, normalise, data card"
    script:
        "../scripts/prepare_data.py"


rule fetch_model:
    input:
        code=code_of("fetch_model.py"),
    output:
        manifest="results/models/{model}/pretrained.json",
    log:
        "results/logs/fetch_model/{model}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=lambda wildcards: hub_of(STUDY.models[wildcards.model]),
    message:
        "{wildcards.model}: fetch the pretrained checkpoint"
    script:
        "../scripts/fetch_model.py"


rule fetch_tokenizer:
    input:
        code=code_of("fetch_tokenizer.py"),
    output:
        manifest="results/tokenizers/{model}/pretrained.json",
    log:
        "results/logs/fetch_tokenizer/{model}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=lambda wildcards: hub_of(STUDY.models[wildcards.model]["tokenizer"]),
        mirrored_as=lambda wildcards: STUDY.models[wildcards.model]["tokenizer"].get(
            "from_mirror", wildcards.model
        ),
    message:
        "{wildcards.model}: fetch the tokenizer"
    script:
        "../scripts/fetch_tokenizer.py"
