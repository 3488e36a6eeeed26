# Download -> verify sha256 -> split and normalise -> data card; pretrained checkpoints, tokenizers, word vectors.

from emopress.data.labels import file_labels
from emopress.data.sources import WORD_VECTORS, data_set
from emopress.study import fetching


def data_entry(wildcards):
    return STUDY.datasets[wildcards.dataset]


def in_one_line(look_up, *arguments, dest, **more):
    """Return what a function of `fetching` looks up in the mirrors; a dry run tells its error, in one line."""
    try:
        return look_up(
            *arguments, mirrors=CONTEXT.mirror_paths, dest=Path(dest), **more
        )
    except UserError as error:
        raise WorkflowError(str(error)) from None


rule fetch_data:
    input:
        # their hashes are among the params
        local=ancient(
            lambda wildcards: map(here, fetching.local_files(data_entry(wildcards)))
        ),
        code=code_of("fetch_files.py"),
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
        source=lambda wildcards: in_one_line(
            fetching.hashed,
            data_set(wildcards.dataset),
            fetching.data_source(data_entry(wildcards)),
            root=ROOT,
            dest=f"results/data/{wildcards.dataset}/raw",
        ),
        labels=lambda wildcards: file_labels(data_entry(wildcards)),
        separator=lambda wildcards: data_entry(wildcards)["columns"].get(
            "separator", ","
        ),
    message:
        "{wildcards.dataset}: fetch"
    script:
        "../scripts/fetch_files.py"


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
        dataset=lambda wildcards: fetching.prepared(data_entry(wildcards)),
    message:
        "{wildcards.dataset}: split and normalise"
    script:
        "../scripts/prepare_data.py"


rule describe_data:
    input:
        counts="results/data/{dataset}/counts.json",
        code=code_of("emopress.data.prepare:describe_data"),
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
        maker="emopress.data.prepare:describe_data",
        cached=False,
        described=lambda wildcards: fetching.described(data_entry(wildcards)),
    message:
        "{wildcards.dataset}: data card"
    script:
        "../scripts/make.py"


VECTOR_FILES = fetching.vector_files(STUDY.models)


rule fetch_vectors:
    input:
        code=code_of("fetch_files.py"),
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
        source=lambda wildcards: in_one_line(
            fetching.hashed,
            WORD_VECTORS,
            {"files": [VECTOR_FILES[wildcards.file]]},
            root=ROOT,
            dest=f"results/vectors/{wildcards.file}",
        ),
        labels=[],
        separator=",",
    message:
        "{wildcards.file}: fetch the word vectors"
    script:
        "../scripts/fetch_files.py"


def published(kind):
    """Return the params of a rule that fetches published models, or tokenizers."""
    return {
        "kind": kind,
        "mirrored_as": lambda wildcards: fetching.name_in_mirror(
            kind, wildcards.model, STUDY.models[wildcards.model]
        ),
        "source": lambda wildcards: in_one_line(
            fetching.published_source,
            kind,
            wildcards.model,
            STUDY.models[wildcards.model],
            dest=f"results/{kind}s/{wildcards.model}",
        ),
    }


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
        **published("model"),
        context=context_of,
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
        **published("tokenizer"),
        context=context_of,
    message:
        "{wildcards.model}: fetch the tokenizer"
