# Checkpoints and bundles: a rule for each job of the tables `emopress.families` and `emopress.passes`, where its name,
# its function and its cost stand, and one script for all of them.

from functools import partial

from emopress.families import FAMILIES, pass_jobs
from emopress.passes import PASSES


def teacher_logits(wildcards):
    """Return the logits that a pass distils from, as inputs: its teacher's, those of further teachers, joined spans."""
    step = STUDY.passes[wildcards.step]
    if step["kind"] != "distill" and "distill" not in step:
        return {}
    teachers = [legal_parent(wildcards), *step.get("teachers", [])]
    files = [logits_of(wildcards.dataset, name, wildcards.seed) for name in teachers]
    if step["kind"] != "distill":
        return {"teacher_logits": files[0]}
    spans = step.get("joined_spans")
    return {"teacher_logits": files} | (
        taught_spans(wildcards, teachers, spans) if spans else {}
    )


def taught_spans(wildcards, teachers, spans):
    """Return the joined spans of a distillation and its teachers' logits of them, as inputs."""
    dataset, seed = wildcards.dataset, wildcards.seed
    return {
        "spans": spans_of(dataset, spans, seed),
        "spans_logits": [
            spans_logits_of(dataset, name, seed, spans) for name in teachers
        ],
    }


def inputs_of(job, model, wildcards):
    """Return the files that a job takes (`Job.takes`); `model` names the new model that it trains, if it does."""
    inputs = {}
    for name in job.takes:
        if name in ("train", "validation", "test"):
            inputs[name] = f"results/data/{wildcards.dataset}/{name}.parquet"
        elif name == "teacher_logits":
            inputs |= teacher_logits(wildcards)
        elif name == "pretrained" and model:
            inputs |= pretrained_inputs(STUDY, model)
        elif name == "vectors":
            inputs |= vectors_inputs(STUDY, model)
    return inputs


def model_inputs(job, wildcards):
    return inputs_of(job, wildcards.model, wildcards)


def pass_inputs(job, reads, wildcards):
    """Return the files that a pass takes, and the checkpoint or bundle that it is applied to."""
    step = STUDY.passes[wildcards.step]
    name = "teacher" if step["kind"] == "distill" else "parent"
    of = checkpoint_of if reads == "checkpoint" else bundle_of
    parent = of(wildcards.dataset, legal_parent(wildcards), wildcards.seed)
    return {name: parent} | inputs_of(job, step.get("student"), wildcards)


def threads_of(job):
    """Return the threads of a job that makes a model: one for each GPU, and for a small model one."""
    if not job.cost.several_gpus:
        return fewer_threads(job.cost.threads, variant_made)
    return (
        TRAINING_THREADS
        if PROCESSES > 1
        else fewer_threads(TRAINING_THREADS, variant_made)
    )


def exported_ahead(export):
    """Return the param `ahead` of a job whose checkpoint the job `export` exports: what `jobs.ahead` needs, or None.

    Since it takes `resources`, another one makes nothing again.
    """
    ahead = [export.maker, code_of(export.maker)]

    def of_small_model(wildcards, resources):
        return ahead if is_small(STUDY, SMALL, variant_made(wildcards)) else None

    return of_small_model


def params_of(job, export=None):
    """Return the params of a job that are not its step's.

    A job that makes a checkpoint has the job `export`, which exports that: of a small model it does so ahead.
    """
    data = lambda wildcards: STUDY.data_params(wildcards.dataset)
    optional = {"data": data, "device": STUDY.device}
    taken = {name: optional[name] for name in optional if name in job.takes}
    if export:
        taken["ahead"] = exported_ahead(export)
    return {"context": context_of, "maker": job.maker, "cached": job.cached, **taken}


def resources_of(job):
    """Return the resources of a job; one that trains on several GPUs has a process, and its memory, for each."""
    cost, several = job.cost, job.cost.several_gpus

    def mb(wildcards):
        return training_mb(
            STUDY,
            wildcards.dataset,
            variant_made(wildcards),
            Path("results"),
            cost.mem_mb,
        )

    def gpu(wildcards):
        """Return how many GPUs the job asks for; the weights of a large decoder are not trained by themselves."""
        if "model" in wildcards.keys() and STUDY.is_large(wildcards.model):
            return None
        return GPUS if several else GPU if cost.gpu else None

    return {
        "mem_mb": memory(mb, PROCESSES) if several else memory(cost.mem_mb),
        "runtime": cost.runtime,
        "gpu": gpu,
        "nodes": NODES if several else None,
    }


def message_of(job, what):
    """Return the message of a job; of one that trains it says where to see how that goes."""
    progress = ", progress in {log}" if job.cost.gpu else ""
    return (
        f"{{wildcards.dataset}}: {job.doing} {what} (seed {{wildcards.seed}}){progress}"
    )


for family, row in FAMILIES.items():
    job = row.train

    rule:
        name:
            job.rule
        input:
            unpack(partial(model_inputs, job)),
            code=code_of(job.maker),
        output:
            out=checkpoint_of("{dataset}", "{model}", "{seed}"),
        log:
            f"results/logs/{job.rule}/{{dataset}}/{{model}}.seed{{seed}}.log",
        benchmark:
            f"results/benchmarks/{job.rule}/{{dataset}}/{{model}}.seed{{seed}}.tsv"
        wildcard_constraints:
            model=any_of(STUDY.model_names(family)),
        conda:
            f"../../envs/{job.environment}.yaml"
        threads: threads_of(job)
        resources:
            **resources_of(job),
        params:
            **params_of(job, row.export),
            step=lambda wildcards: STUDY.step(wildcards.model),
        message:
            message_of(job, "{wildcards.model}")
        script:
            "../scripts/make.py"


for job, row in pass_jobs():
    if job.rule == "search":  # below
        continue
    makes = checkpoint_of if row.leaves == "checkpoint" or row.export else bundle_of
    # Only transformers are exported ahead.
    exports = (
        row.export or FAMILIES["transformer"].export if makes is checkpoint_of else None
    )

    rule:
        name:
            job.rule
        input:
            unpack(partial(pass_inputs, job, row.reads)),
            code=code_of(job.maker),
        output:
            out=makes("{dataset}", "{parent}+{step}", "{seed}"),
        log:
            f"results/logs/{job.rule}/{{dataset}}/{{parent}}+{{step}}.seed{{seed}}.log",
        benchmark:
            f"results/benchmarks/{job.rule}/{{dataset}}/{{parent}}+{{step}}.seed{{seed}}.tsv"
        wildcard_constraints:
            parent=ANY_CHAIN if row.reads == "onnx bundle" else CHAIN,
            step=any_of(STUDY.made_by(job)),
        conda:
            f"../../envs/{job.environment}.yaml"
        threads: threads_of(job)
        resources:
            **resources_of(job),
        params:
            **params_of(job, exports),
            step=lambda wildcards: STUDY.step(wildcards.step),
        message:
            message_of(job, "{wildcards.parent} -> +{wildcards.step}")
        script:
            "../scripts/make.py"


# What a variant ends in decides how its checkpoint becomes a bundle: a model, or the last pass that changed its family.
EXPORTS = [(row.export, ending_in(family)) for family, row in FAMILIES.items()] + [
    (row.export, rf"{CHAIN}\+({any_of(STUDY.pass_names(sort))})")
    for sort, row in PASSES.items()
    if row.export
]
for job, variants in EXPORTS:

    rule:
        name:
            job.rule
        input:
            checkpoint=checkpoint_of("{dataset}", "{variant}", "{seed}"),
            code=code_of(job.maker),
        output:
            out=bundle_of("{dataset}", "{variant}", "{seed}"),
        log:
            f"results/logs/{job.rule}/{{dataset}}/{{variant}}.seed{{seed}}.log",
        benchmark:
            f"results/benchmarks/{job.rule}/{{dataset}}/{{variant}}.seed{{seed}}.tsv"
        wildcard_constraints:
            variant=variants,
        conda:
            f"../../envs/{job.environment}.yaml"
        threads: TRAINING_THREADS if job.cost.several_gpus else job.cost.threads
        resources:
            **resources_of(job),
        params:
            **params_of(job),
        message:
            message_of(job, "{wildcards.variant}")
        script:
            "../scripts/make.py"


rule teacher_logits:
    input:
        bundle=bundle_of("{dataset}", "{variant}", "{seed}"),
        texts="results/data/{dataset}/train.parquet",
        code=predicting_code_of("emopress.measure.teacher_logits:teacher_logits"),
    output:
        out=logits_of("{dataset}", "{variant}", "{seed}"),
    log:
        "results/logs/teacher_logits/{dataset}/{variant}.seed{seed}.log",
    benchmark:
        "results/benchmarks/teacher_logits/{dataset}/{variant}.seed{seed}.tsv"
    conda:
        RUNTIMES
    threads: fewer_threads(2, lambda wildcards: wildcards.variant)
    resources:
        mem_mb=memory(
            lambda wildcards: prediction_mb(
                STUDY, [wildcards.variant], Path("results"), 4000
            )
        ),
        runtime=240,
        gpu=prediction_gpu,
    params:
        context=context_of,
        maker="emopress.measure.teacher_logits:teacher_logits",
        cached=True,
        device=prediction_device,
    message:
        "{wildcards.dataset}: logits of teacher {wildcards.variant} (seed {wildcards.seed})"
    script:
        "../scripts/make.py"


# Joined spans of the training texts, and teachers' logits of them.
SPANS = {"texts": "{texts}", "folds": "{folds}"}


rule joined_spans:
    input:
        train="results/data/{dataset}/train.parquet",
        code=code_of("emopress.train.spans:joined_spans"),
    output:
        out=spans_of("{dataset}", SPANS, "{seed}"),
    log:
        "results/logs/joined_spans/{dataset}/{texts}-in-{folds}.seed{seed}.log",
    benchmark:
        "results/benchmarks/joined_spans/{dataset}/{texts}-in-{folds}.seed{seed}.tsv"
    wildcard_constraints:
        texts=r"\d+",
        folds=r"\d+",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        maker="emopress.train.spans:joined_spans",
        cached=False,
        texts=lambda wildcards: int(wildcards.texts),
        folds=lambda wildcards: int(wildcards.folds),
    message:
        "{wildcards.dataset}: {wildcards.texts} joined spans of training texts (seed {wildcards.seed})"
    script:
        "../scripts/make.py"


# Models whose family labels the spans of a fold by models of the other folds.
OUT_OF_FOLD = [
    n for f, row in FAMILIES.items() if row.out_of_fold for n in STUDY.model_names(f)
]


use rule teacher_logits as spans_logits with:
    input:
        bundle=bundle_of("{dataset}", "{variant}", "{seed}"),
        texts=spans_of("{dataset}", SPANS, "{seed}"),
        code=predicting_code_of("emopress.measure.teacher_logits:teacher_logits"),
    output:
        out=spans_logits_of("{dataset}", "{variant}", "{seed}", SPANS),
    log:
        "results/logs/spans_logits/{dataset}/{variant}.{texts}-in-{folds}.seed{seed}.log",
    benchmark:
        "results/benchmarks/spans_logits/{dataset}/{variant}.{texts}-in-{folds}.seed{seed}.tsv"
    wildcard_constraints:
        variant=rf"(?!({any_of(OUT_OF_FOLD)})/)[^/]+",
        texts=r"\d+",
        folds=r"\d+",
    message:
        "{wildcards.dataset}: logits of teacher {wildcards.variant} for joined spans (seed {wildcards.seed})"


for family, row in FAMILIES.items():
    job = row.out_of_fold
    if job is None:
        continue

    rule:
        name:
            job.rule
        input:
            unpack(partial(inputs_of, job, None)),
            texts=spans_of("{dataset}", SPANS, "{seed}"),
            code=code_of(job.maker),
        output:
            out=spans_logits_of("{dataset}", "{model}", "{seed}", SPANS),
        log:
            f"results/logs/{job.rule}/{{dataset}}/{{model}}.{{texts}}-in-{{folds}}.seed{{seed}}.log",
        benchmark:
            f"results/benchmarks/{job.rule}/{{dataset}}/{{model}}.{{texts}}-in-{{folds}}.seed{{seed}}.tsv"
        wildcard_constraints:
            model=any_of(STUDY.model_names(family)),
            texts=r"\d+",
            folds=r"\d+",
        conda:
            f"../../envs/{job.environment}.yaml"
        threads: job.cost.threads
        resources:
            **resources_of(job),
        params:
            **params_of(job),
            step=lambda wildcards: STUDY.step(wildcards.model),
            folds=lambda wildcards: int(wildcards.folds),
        message:
            message_of(job, "{wildcards.model}")
        script:
            "../scripts/make.py"


def trials_of(wildcards):
    """Return the variants that a search tries."""
    variant = f"{legal_parent(wildcards)}+{wildcards.step}"
    trials = STUDY.search_candidates(variant)
    if not trials:
        raise WorkflowError(f"variant {variant!r}: none of its passes can be applied")
    return trials


def of_trials(artifact_of, wildcards):
    return [
        artifact_of(wildcards.dataset, variant, wildcards.seed)
        for variant in trials_of(wildcards)
    ]


rule search:
    input:
        parent=bundle_of("{dataset}", "{parent}", "{seed}"),
        parent_predictions=predictions_of("{dataset}", "{parent}", "{seed}"),
        bundles=partial(of_trials, bundle_of),
        predictions=partial(of_trials, predictions_of),
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("search.py"),
    output:
        bundle=bundle_of("{dataset}", "{parent}+{step}", "{seed}"),
        trials="results/{dataset}/{parent}+{step}/seed{seed}/trials.json",
    log:
        "results/logs/search/{dataset}/{parent}+{step}.seed{seed}.log",
    benchmark:
        "results/benchmarks/search/{dataset}/{parent}+{step}.seed{seed}.tsv"
    wildcard_constraints:
        step=any_of(STUDY.pass_names("search")),
    conda:
        RUNTIMES
    # All cores: it times its trials, and nothing else may run beside that.
    threads: TIMING_THREADS
    resources:
        **resources_of(PASSES["search"].job),
    params:
        context=context_of,
        step=lambda wildcards: STUDY.step(wildcards.step),
        candidates=trials_of,
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
        judge=lambda wildcards: judge_params(wildcards.dataset),
        timing=STUDY.timing.plain(),
    message:
        "{wildcards.dataset}: search {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), trials in {output.trials}"
    script:
        "../scripts/search.py"
