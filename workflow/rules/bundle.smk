# Bundles, what a user ships: export of checkpoints, post-training quantization of bundles.


rule export:
    input:
        checkpoint="results/{dataset}/{encoder}/seed{seed}/checkpoint/checkpoint.json",
        code=code_of("export.py"),
    output:
        bundle="results/{dataset}/{encoder}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/export/{dataset}/{encoder}.seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        context=context_of,
    message:
        "{wildcards.dataset}: export {wildcards.encoder} (seed {wildcards.seed})"
    script:
        "../scripts/export.py"


rule export_linear:
    input:
        checkpoint="results/{dataset}/{linear}/seed{seed}/checkpoint/checkpoint.json",
        code=code_of("export_linear.py"),
    output:
        bundle="results/{dataset}/{linear}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/export_linear/{dataset}/{linear}.seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        context=context_of,
    message:
        "{wildcards.dataset}: export {wildcards.linear} (seed {wildcards.seed})"
    script:
        "../scripts/export_linear.py"


rule export_dense:
    input:
        checkpoint="results/{dataset}/{dense}/seed{seed}/checkpoint/checkpoint.json",
        code=code_of("export_dense.py"),
    output:
        bundle="results/{dataset}/{dense}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/export_dense/{dataset}/{dense}.seed{seed}.log",
    wildcard_constraints:
        dense=rf"({any_of(DENSES)})|({any_of(STUDY.models)}){TRAINED_PASS}*\+({any_of(TO_DENSE)})",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        context=context_of,
    message:
        "{wildcards.dataset}: export {wildcards.dense} (seed {wildcards.seed})"
    script:
        "../scripts/export_dense.py"


rule export_lstm:
    input:
        checkpoint="results/{dataset}/{lstm}/seed{seed}/checkpoint/checkpoint.json",
        code=code_of("export_lstm.py"),
    output:
        bundle="results/{dataset}/{lstm}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/export_lstm/{dataset}/{lstm}.seed{seed}.log",
    wildcard_constraints:
        lstm=rf"({any_of(LSTMS)})|({any_of(STUDY.models)}){TRAINED_PASS}*\+({any_of(TO_LSTM)})",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        context=context_of,
    message:
        "{wildcards.dataset}: export {wildcards.lstm} (seed {wildcards.seed})"
    script:
        "../scripts/export_lstm.py"


rule quantize:
    input:
        bundle=parent_bundle,
        train="results/data/{dataset}/train.parquet",
        code=code_of("quantize.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize static", "quantize dynamic"),
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
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize.py"


rule quantize_blocks:
    input:
        bundle=parent_bundle,
        code=code_of("quantize_blocks.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_blocks/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize int4", "quantize nf4"),
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
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_blocks.py"


rule quantize_half:
    input:
        bundle=parent_bundle,
        code=code_of("quantize_half.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_half/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize fp16", "quantize bf16"),
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
        "{wildcards.dataset}: store in 16 bits {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_half.py"


rule quantize_linear:
    input:
        bundle=parent_bundle,
        code=code_of("quantize_linear.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_linear/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize weight-only"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_linear.py"


rule quantize_dense:
    input:
        bundle=parent_bundle,
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("quantize_dense.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_dense/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize affine"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_dense.py"


rule quantize_lstm:
    input:
        checkpoint=parent_checkpoint,
        train="results/data/{dataset}/train.parquet",
        code=code_of("quantize_lstm.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_lstm/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("quantize rtn", "quantize gpfq"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=240,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_lstm.py"


rule openvino:
    input:
        bundle=parent_bundle,
        train="results/data/{dataset}/train.parquet",
        code=code_of("to_openvino.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/openvino/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("openvino"),
    conda:
        RUNTIMES
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=120,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: convert for OpenVINO {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/to_openvino.py"


rule pack:
    input:
        bundle=parent_bundle,
        code=code_of("pack.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/pack/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        parent=rf"({any_of(STUDY.models)}){TRAINED_PASS}+{QUANTIZED_PASS}?",
        step=names_of("pack"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
    message:
        "{wildcards.dataset}: pack {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed})"
    script:
        "../scripts/pack.py"


rule convert_qat:
    input:
        checkpoint="results/{dataset}/{parent}+{step}/seed{seed}/checkpoint/checkpoint.json",
        code=code_of("convert_qat.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/convert_qat/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("qat"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        context=context_of,
    message:
        "{wildcards.dataset}: convert {wildcards.parent}+{wildcards.step} to integers (seed {wildcards.seed})"
    script:
        "../scripts/convert_qat.py"


def trials_of(wildcards):
    """Return the variants that a search tries."""
    variant = f"{legal_parent(wildcards)}+{wildcards.step}"
    found = STUDY.search_candidates(variant)
    if not found:
        raise WorkflowError(f"variant {variant!r}: none of its passes can be applied")
    return found


rule search:
    input:
        parent=parent_bundle,
        parent_predictions=lambda wildcards: predictions_of(
            wildcards.dataset, wildcards.parent, wildcards.seed
        ),
        bundles=lambda wildcards: [
            bundle_of(wildcards.dataset, variant, wildcards.seed)
            for variant in trials_of(wildcards)
        ],
        predictions=lambda wildcards: [
            predictions_of(wildcards.dataset, variant, wildcards.seed)
            for variant in trials_of(wildcards)
        ],
        validation="results/data/{dataset}/validation.parquet",
        code=code_of("search.py"),
    output:
        bundle="results/{dataset}/{parent}+{step}/seed{seed}/bundle/bundle.json",
        trials="results/{dataset}/{parent}+{step}/seed{seed}/trials.json",
    log:
        "results/logs/search/{dataset}/{parent}+{step}.seed{seed}.log",
    wildcard_constraints:
        step=names_of("search"),
    conda:
        RUNTIMES
    # All cores: it times its trials, and nothing else may run beside that.
    threads: TIMING_THREADS
    resources:
        mem_mb=memory(6000),
        runtime=240,
    params:
        context=context_of,
        step=lambda wildcards: step_of(wildcards.step),
        candidates=trials_of,
        labels=lambda wildcards: STUDY.datasets[wildcards.dataset]["labels"],
        judge=lambda wildcards: judge_params(wildcards.dataset),
        timing=STUDY.timing,
    message:
        "{wildcards.dataset}: search {wildcards.parent} -> +{wildcards.step} (seed {wildcards.seed}), trials in {output.trials}"
    script:
        "../scripts/search.py"
