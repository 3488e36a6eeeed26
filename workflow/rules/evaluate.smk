# Predictions of every bundle, on noisy texts too; timing of all bundles of a data set in one exclusive job; statistics.


def evaluated(wildcards):
    """Return variant and seed of each bundle of a data set."""
    variants = STUDY.variants[wildcards.dataset]
    return [[variant, seed] for variant in variants for seed in STUDY.seeds]


rule noise:
    input:
        test="results/data/{dataset}/test.parquet",
        code=code_of("emopress.measure.noise:noise"),
    output:
        out="results/data/{dataset}/noise.parquet",
    log:
        "results/logs/noise/{dataset}.log",
    benchmark:
        "results/benchmarks/noise/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        context=context_of,
        maker="emopress.measure.noise:noise",
        cached=False,
        shares=STUDY.evaluate.plain()["noise"],
    message:
        "{wildcards.dataset}: noisy test texts"
    script:
        "../scripts/make.py"


rule predict:
    input:
        bundle="results/{dataset}/{variant}/seed{seed}/bundle/bundle.json",
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        test="results/data/{dataset}/test.parquet",
        noise="results/data/{dataset}/noise.parquet",
        code=predicting_code_of("emopress.measure.predict:predict"),
    output:
        predictions="results/{dataset}/{variant}/seed{seed}/predictions.parquet",
        cut="results/{dataset}/{variant}/seed{seed}/cut.json",
    log:
        "results/logs/predict/{dataset}/{variant}.seed{seed}.log",
    benchmark:
        "results/benchmarks/predict/{dataset}/{variant}.seed{seed}.tsv"
    conda:
        RUNTIMES
    resources:
        mem_mb=memory(
            lambda wildcards: prediction_mb(
                STUDY, [wildcards.variant], Path("results"), 3000
            )
        ),
        runtime=120,
        gpu=prediction_gpu,
    params:
        context=context_of,
        maker="emopress.measure.predict:predict",
        cached=False,
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
        batch_size=STUDY.evaluate.batch_size,
        device=prediction_device,
    message:
        "{wildcards.dataset}: evaluate {wildcards.variant} (seed {wildcards.seed})"
    script:
        "../scripts/make.py"


# As predict, and what each token costs.
use rule predict as predict_generative with:
    output:
        predictions="results/{dataset}/{variant}/seed{seed}/predictions.parquet",
        cut="results/{dataset}/{variant}/seed{seed}/cut.json",
        cross_entropy="results/{dataset}/{variant}/seed{seed}/cross-entropy.json",
    log:
        "results/logs/predict_generative/{dataset}/{variant}.seed{seed}.log",
    benchmark:
        "results/benchmarks/predict_generative/{dataset}/{variant}.seed{seed}.tsv"
    wildcard_constraints:
        variant=rf"({any_of(GENERATIVES)})(\+({any_of(SAME_MODEL)}))*",
    message:
        "{wildcards.dataset}: evaluate {wildcards.variant} and what its tokens cost (seed {wildcards.seed})"


ruleorder: predict_generative > predict


rule time:
    input:
        manifests=lambda wildcards: [one[3] for one in timed(STUDY, wildcards.dataset)],
        test="results/data/{dataset}/test.parquet",
        code=code_of("time_bundles.py"),
    output:
        timing="results/timing/{dataset}.json",
    log:
        "results/logs/time/{dataset}.log",
    benchmark:
        "results/benchmarks/time/{dataset}.tsv"
    conda:
        RUNTIMES
    threads: TIMING_THREADS
    resources:
        mem_mb=memory(
            lambda wildcards: prediction_mb(
                STUDY, STUDY.variants[wildcards.dataset], Path("results"), 6000
            )
        ),
        runtime=720,
    params:
        context=context_of,
        candidates=lambda wildcards: [
            list(one[:3]) for one in timed(STUDY, wildcards.dataset)
        ],
        settings=STUDY.timing.plain(),
        cores=CONTEXT.cores,
    message:
        "{wildcards.dataset}: time all bundles side by side, alone on the machine, progress in {log}"
    script:
        "../scripts/time_bundles.py"


rule judge:
    input:
        predictions=lambda wildcards: [
            predictions_of(wildcards.dataset, *one) for one in evaluated(wildcards)
        ],
        cut=lambda wildcards: [
            cut_of(wildcards.dataset, *one) for one in evaluated(wildcards)
        ],
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        test="results/data/{dataset}/test.parquet",
        code=code_of("emopress.measure.judge:judge"),
    output:
        statistics="results/statistics/{dataset}.json",
        flips=report(
            "results/flips/{dataset}.csv",
            caption="../report/flips.rst",
            category="Results",
            labels={"what": "texts whose label changed", "data set": "{dataset}"},
        ),
    log:
        "results/logs/judge/{dataset}.log",
    benchmark:
        "results/benchmarks/judge/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        context=context_of,
        maker="emopress.measure.judge:judge",
        cached=False,
        bundles=evaluated,
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
        teachers=lambda wildcards: {
            variant: STUDY.teacher(wildcards.dataset, variant)
            for variant in sorted(STUDY.variants[wildcards.dataset])
        },
        linears=lambda wildcards: STUDY.linears(wildcards.dataset),
        reference=lambda wildcards: STUDY.yardstick(wildcards.dataset),
        judge_by=lambda wildcards: judge_params(wildcards.dataset),
        resamples=STUDY.statistics.resamples,
        most_flips=STUDY.statistics.flips,
        lstms=lambda wildcards: STUDY.lstms(wildcards.dataset),
    message:
        "{wildcards.dataset}: intervals, paired tests, calibration, progress in {log}"
    script:
        "../scripts/make.py"
