# Passes that read a checkpoint (or a teacher's logits) and write a smaller one.


def student_of(step):
    """Return the model entry that a distillation builds, None if it takes layers of its teacher.

    How the entry would be fine-tuned plays no part.
    """
    name = STUDY.passes[step].get("student")
    return name and {k: v for k, v in step_of(name).items() if k != "train"}


def student_inputs(wildcards):
    student = STUDY.passes[wildcards.step].get("student")
    return pretrained_inputs(student) if student else {}


def student_vectors(wildcards):
    return vectors_inputs(STUDY.passes[wildcards.step]["student"])


def all_teachers_logits(wildcards):
    """Return the logits of the parent and of the further teachers of a distillation."""
    teachers = [legal_parent(wildcards), *STUDY.passes[wildcards.step]["teachers"]]
    return [logits_of(wildcards.dataset, name, wildcards.seed) for name in teachers]


rule trim:
    input:
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        test="results/data/{dataset}/test.parquet",  # to count its unknown words, no more
        code=code_of("trim.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/trim/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("trim"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: trim the vocabulary of {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/trim.py"


rule distill:
    input:
        unpack(student_inputs),
        teacher=parent_bundle,
        logits=all_teachers_logits,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("distill.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/distill/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=any_of(STUDY.distilled_into("transformer")),
    conda:
        ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        mem_mb=memory(8000, PROCESSES),
        runtime=1440,
        gpu=GPUS,
        nodes=NODES,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        student=lambda wildcards: student_of(wildcards.step),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: distil {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/distill.py"


rule distill_dense:
    input:
        unpack(student_vectors),
        teacher=parent_bundle,
        logits=all_teachers_logits,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("distill_dense.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/distill_dense/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=any_of(TO_DENSE),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        student=lambda wildcards: student_of(wildcards.step),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: distil {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/distill_dense.py"


rule distill_lstm:
    input:
        unpack(student_inputs),
        teacher=parent_bundle,
        logits=all_teachers_logits,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("distill_lstm.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/distill_lstm/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=any_of(TO_LSTM),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=720,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        student=lambda wildcards: student_of(wildcards.step),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: distil {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/distill_lstm.py"


rule distill_whitebox:
    input:
        unpack(student_inputs),
        teacher=parent_checkpoint,
        logits=all_teachers_logits,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("distill_whitebox.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/distill_whitebox/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("distill layers", "distill hidden"),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        student=lambda wildcards: student_of(wildcards.step),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: distil {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/distill_whitebox.py"


rule prune:
    input:
        unpack(parent_logits),
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("prune.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/prune/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("prune magnitude"),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: prune {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/prune.py"


rule prune_structured:
    input:
        unpack(parent_logits),
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("prune_structured.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/prune_structured/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("prune structured"),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: cut {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/prune_structured.py"


rule factor:
    input:
        unpack(parent_logits),
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("factor.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/factor/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("low-rank"),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: factor {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/factor.py"


rule adapt:
    input:
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("adapt.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/adapt/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("adapt lora", "adapt qlora"),
    conda:
        ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        mem_mb=memory(
            lambda wildcards: training_mb(
                STUDY,
                wildcards.dataset,
                f"{wildcards.parent}+{wildcards.step}",
                Path("results"),
                8000,
            ),
            PROCESSES,
        ),
        runtime=1440,
        gpu=GPUS,
        nodes=NODES,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: train adapters on {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/adapt.py"


rule qat:
    input:
        unpack(parent_logits),
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("qat.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/qat/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("qat"),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: quantization-aware training of {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/qat.py"
