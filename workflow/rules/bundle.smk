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
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=6000,
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
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.dataset}: export {wildcards.linear} (seed {wildcards.seed})"
    script:
        "../scripts/export_linear.py"


rule quantize:
    input:
        bundle=parent_bundle,
        train="results/data/{dataset}/train.parquet",
        code=code_of("quantize.py"),
    output:
        bundle="results/{dataset}/{parent}+{quantize}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize/{dataset}/{parent}+{quantize}.seed{seed}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=6000,
    params:
        step=lambda wildcards: step_of(wildcards.quantize),
    message:
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.quantize} (seed {wildcards.seed})"
    script:
        "../scripts/quantize.py"


rule quantize_linear:
    input:
        bundle=parent_bundle,
        code=code_of("quantize_linear.py"),
    output:
        bundle="results/{dataset}/{parent}+{quantize_linear}/seed{seed}/bundle/bundle.json",
    log:
        "results/logs/quantize_linear/{dataset}/{parent}+{quantize_linear}.seed{seed}.log",
    conda:
        "../../envs/emopress.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        step=lambda wildcards: step_of(wildcards.quantize_linear),
    message:
        "{wildcards.dataset}: quantize {wildcards.parent} -> +{wildcards.quantize_linear} (seed {wildcards.seed})"
    script:
        "../scripts/quantize_linear.py"
