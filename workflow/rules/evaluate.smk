# Predictions of every bundle; timing of all bundles of a data set in one exclusive job.


def timed(dataset):
    """Return (variant, seed, runtime, manifest) of all that a data set's timing job times."""
    found = [
        (variant, seed, "bundle", bundle_of(dataset, variant, seed))
        for variant in STUDY.variants[dataset]
        for seed in STUDY.seeds
    ]
    if STUDY.timing["pytorch"]:
        references = {STUDY.reference(dataset, v) for v in STUDY.variants[dataset]}
        found += [
            (variant, seed, "pytorch", checkpoint_of(dataset, variant, seed))
            for variant in sorted(references)
            if variant in TRANSFORMERS
            for seed in STUDY.seeds
        ]
    return found


rule predict:
    input:
        bundle="results/{dataset}/{variant}/seed{seed}/bundle/bundle.json",
        validation="results/data/{dataset}/validation.parquet",
        test="results/data/{dataset}/test.parquet",
        code=code_of("predict.py"),
    output:
        predictions="results/{dataset}/{variant}/seed{seed}/predictions.parquet",
    log:
        "results/logs/predict/{dataset}/{variant}.seed{seed}.log",
    conda:
        RUNTIMES
    threads: 1
    resources:
        mem_mb=3000,
    params:
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
        batch_size=STUDY.evaluate["batch_size"],
    message:
        "{wildcards.dataset}: evaluate {wildcards.variant} (seed {wildcards.seed})"
    script:
        "../scripts/predict.py"


rule time:
    input:
        manifests=lambda wildcards: [entry[3] for entry in timed(wildcards.dataset)],
        test="results/data/{dataset}/test.parquet",
        code=code_of("time_bundles.py"),
    output:
        timing="results/timing/{dataset}.json",
    log:
        "results/logs/time/{dataset}.log",
    conda:
        RUNTIMES
    # All cores: nothing else may run beside a timing job. The engines use timing.threads of them.
    threads: max(CORES, STUDY.timing["threads"])
    resources:
        mem_mb=6000,
    params:
        candidates=lambda wildcards: [
            list(entry[:3]) for entry in timed(wildcards.dataset)
        ],
        settings=STUDY.timing,
    message:
        "{wildcards.dataset}: time all bundles side by side, alone on the machine, progress in {log}"
    script:
        "../scripts/time_bundles.py"
