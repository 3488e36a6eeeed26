# Passes that read a checkpoint (or a teacher's logits) and train or cut a smaller one.


def student_of(distill):
    """Return the model entry that a distillation builds; how it would be fine-tuned plays no part."""
    entry = step_of(STUDY.passes[distill]["student"])
    return {key: value for key, value in entry.items() if key != "train"}


rule distill:
    input:
        unpack(
            lambda wildcards: pretrained_inputs(
                STUDY.passes[wildcards.distill]["student"]
            )
        ),
        teacher=parent_bundle,
        logits="results/{dataset}/{parent}/seed{seed}/logits/train.safetensors",
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("distill.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{distill}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/distill/{dataset}/{parent}+{distill}.seed{seed}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 2
    resources:
        mem_mb=8000,
    params:
        step=lambda wildcards: step_of(wildcards.distill),
        student=lambda wildcards: student_of(wildcards.distill),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: distil {wildcards.parent} -> +{wildcards.distill} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/distill.py"


rule prune:
    input:
        parent=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("prune.py"),
    output:
        checkpoint="results/{dataset}/{parent}+{prune}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/prune/{dataset}/{parent}+{prune}.seed{seed}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 2
    resources:
        mem_mb=8000,
    params:
        step=lambda wildcards: step_of(wildcards.prune),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: prune {wildcards.parent} -> +{wildcards.prune} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/prune.py"
