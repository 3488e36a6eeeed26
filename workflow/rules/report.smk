# Aggregate -> figures -> report.md, from result files alone.

CONFIG_FILES = [  # relative where they can be: no report should hold a path of somebody's machine
    str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)
    for path in map(Path, CONFIGFILES)
]
BUNDLES = list(STUDY.bundles())
CURVED = [  # what was trained, and so has a training curve
    (dataset, variant)
    for dataset, variant, seed in BUNDLES
    if seed == STUDY.seeds[0] and STUDY.trains(variant)
]
CURVED_DATASETS = sorted({dataset for dataset, _ in CURVED})


rule aggregate:
    input:
        bundles=[bundle_of(*bundle) for bundle in BUNDLES],
        predictions=[
            predictions_of(dataset, variant, seed)
            for dataset, variant, seed in BUNDLES
        ],
        timings=expand("results/timing/{dataset}.json", dataset=STUDY.variants),
        code=code_of("aggregate.py"),
    output:
        summary=report(
            "results/summary.csv",
            caption="../report/summary.rst",
            category="Results",
            labels={"what": "summary table"},
        ),
        details="results/details.json",
    log:
        "results/logs/aggregate.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        entries=[
            [dataset, variant, seed, STUDY.reference(dataset, variant)]
            for dataset, variant, seed in BUNDLES
        ],
        labels={name: STUDY.datasets[name]["labels"] for name in STUDY.variants},
    message:
        "aggregate {} bundles into {{output.summary}}".format(len(BUNDLES))
    script:
        "../scripts/aggregate.py"


rule rulegraph:
    input:
        snakefile=here("Snakefile"),
        rules=sorted(map(here, (ROOT / "workflow" / "rules").glob("*.smk"))),
    output:
        graph="results/rulegraph.mmd",
    log:
        "results/logs/rulegraph.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        config=(
            ["--configfile", *map(os.path.relpath, CONFIGFILES)]
            if workflow.overwrite_configfiles
            else []
        ),
        # all that shapes the graph, and nothing else of the config
        variants=dict(sorted(STUDY.variants.items())),
        models={
            name: [entry["family"], *pretrained_inputs(name)]
            for name, entry in sorted(STUDY.models.items())
        },
        passes={
            name: [
                recipe.sort_of(entry),
                "distill" in entry,
                *(
                    entry.get(key)
                    for key in ("student", "teachers", "passes", "max_passes")
                ),
            ]
            for name, entry in sorted(STUDY.passes.items())
        },
    message:
        "draw the rule graph"
    shell:
        "snakemake --snakefile {input.snakefile:q} {params.config:q} --cores 1 --nolock --quiet all"
        " --rulegraph mermaid-js -- report > {output.graph} 2> {log}"


rule figures:
    input:
        summary="results/summary.csv",
        details="results/details.json",
        checkpoints=[
            checkpoint_of(dataset, variant, STUDY.seeds[0])
            for dataset, variant in CURVED
        ],
        code=code_of("figures.py"),
    output:
        pareto=report(
            expand(
                "results/figures/{dataset}-accuracy-{axis}.svg",
                dataset=STUDY.variants,
                axis=["size", "latency"],
            ),
            caption="../report/pareto.rst",
            category="Results",
            labels={"what": "accuracy against size and latency"},
        ),
        confusion=report(
            expand("results/figures/{dataset}-confusion.svg", dataset=STUDY.variants),
            caption="../report/confusion.rst",
            category="Results",
            labels={"what": "confusion matrices"},
        ),
        training=report(
            expand(
                "results/figures/{dataset}-training.svg",
                dataset=CURVED_DATASETS,
            ),
            caption="../report/training.rst",
            category="Results",
            labels={"what": "training curves"},
        ),
        png=expand(
            "results/figures/{dataset}-{figure}.png",
            dataset=STUDY.variants,
            figure=["accuracy-size", "accuracy-latency", "confusion"],
        )
        + expand("results/figures/{dataset}-training.png", dataset=CURVED_DATASETS),
    log:
        "results/logs/figures.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        datasets={name: STUDY.datasets[name] for name in STUDY.variants},
        curved=[list(pair) for pair in CURVED],
        curve_seed=STUDY.seeds[0] if len(STUDY.seeds) > 1 else None,
    message:
        "draw the figures"
    script:
        "../scripts/figures.py"


rule render:
    input:
        summary="results/summary.csv",
        details="results/details.json",
        timings=expand("results/timing/{dataset}.json", dataset=STUDY.variants),
        cards=expand("results/data/{dataset}/card.json", dataset=STUDY.variants),
        pareto=rules.figures.output.pareto,
        confusion=rules.figures.output.confusion,
        training=rules.figures.output.training,
        graph="results/rulegraph.mmd",
        template=here("workflow/report/report.md.j2"),
        code=code_of("render.py"),
    output:
        report=report(
            "results/report.md",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "report"},
        ),
    log:
        "results/logs/render.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        study={
            "name": STUDY.name,
            "description": STUDY.description,
            "seeds": STUDY.seeds,
            "config_files": CONFIG_FILES,
        },
        datasets={name: STUDY.datasets[name] for name in STUDY.variants},
        models=STUDY.models,
        passes=STUDY.passes,
        curved=CURVED_DATASETS,
    message:
        "write results/report.md"
    script:
        "../scripts/render.py"
