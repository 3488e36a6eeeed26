# Teachers: linear, dense and LSTM models, fine-tuned and from-scratch transformers; teacher logits, once for all students.


rule train_linear:
    input:
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("train_linear.py"),
    output:
        checkpoint="results/{dataset}/{linear}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/train_linear/{dataset}/{linear}.seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.linear),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
    message:
        "{wildcards.dataset}: train {wildcards.linear} (seed {wildcards.seed})"
    script:
        "../scripts/train_linear.py"


rule train_dense:
    input:
        unpack(lambda wildcards: vectors_inputs(wildcards.dense)),
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("train_dense.py"),
    output:
        checkpoint="results/{dataset}/{dense}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/train_dense/{dataset}/{dense}.seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.dense),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: train {wildcards.dense} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/train_dense.py"


rule train_lstm:
    input:
        unpack(lambda wildcards: pretrained_inputs(wildcards.lstm)),
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("train_lstm.py"),
    output:
        checkpoint="results/{dataset}/{lstm}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/train_lstm/{dataset}/{lstm}.seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=720,
        gpu=GPU,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.lstm),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: train {wildcards.lstm} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/train_lstm.py"


rule finetune:
    input:
        unpack(lambda wildcards: pretrained_inputs(wildcards.model)),
        train="results/data/{dataset}/train.parquet",
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("finetune.py"),
    output:
        checkpoint="results/{dataset}/{model}/seed{seed}/checkpoint/checkpoint.json",
    log:
        "results/logs/finetune/{dataset}/{model}.seed{seed}.log",
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
        step=lambda wildcards: step_of(wildcards.model),
        data=lambda wildcards: STUDY.data_params(wildcards.dataset),
        device=STUDY.device,
    message:
        "{wildcards.dataset}: fine-tune {wildcards.model} (seed {wildcards.seed}), progress in {log}"
    script:
        "../scripts/finetune.py"


rule teacher_logits:
    input:
        bundle="results/{dataset}/{variant}/seed{seed}/bundle/bundle.json",
        train="results/data/{dataset}/train.parquet",
        code=predicting_code_of("teacher_logits.py"),
    output:
        logits="results/{dataset}/{variant}/seed{seed}/logits/train.safetensors",
    log:
        "results/logs/teacher_logits/{dataset}/{variant}.seed{seed}.log",
    conda:
        RUNTIMES
    threads: 2
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
        device=prediction_device,
    message:
        "{wildcards.dataset}: logits of teacher {wildcards.variant} (seed {wildcards.seed})"
    script:
        "../scripts/teacher_logits.py"
