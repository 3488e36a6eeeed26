# Aggregate -> figures -> report.md and report.html, from result files alone.

import yaml

from emopress.study.published import PUBLISHED
from emopress.report.figures.names import SPEC, TRADE_OFF, figure_names
from emopress.measure.pareto import layer_grid

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
# The figures of a data set, by the wildcard's name: the same kinds for all.
FIGURES = figure_names(
    "{dataset}",
    training=bool(CURVED),
    noise=bool(STUDY.evaluate.noise),
    bits=STUDY.compares_kinds(),
)

# Data sets whose dense models differ in their layers, with these models.
GRIDS = {
    dataset: models
    for dataset, variants in STUDY.variants.items()
    if (models := layer_grid(variants, STUDY.models))
}


def figures_ending(suffix):
    """Return the files of all figures of the study that end so."""
    names = expand(FIGURES, dataset=STUDY.variants)
    names += [f"{dataset}-{TRADE_OFF}" for dataset in GRIDS]
    return [f"results/figures/{name}{suffix}" for name in names]


def curves_of(wildcards):
    """Return the checkpoints beside which the training logs of a data set lie."""
    return [
        checkpoint_of(*pair, STUDY.seeds[0])
        for pair in CURVED
        if pair[0] == wildcards.dataset
    ]


# With every default and in one order, so that neither writing one out nor another order reruns anything.
CONFIG_TEXT = yaml.safe_dump(
    STUDY.as_config(), sort_keys=False, allow_unicode=True, width=100
)


rule aggregate:
    input:
        bundles=[bundle_of(*bundle) for bundle in BUNDLES],
        predictions=[predictions_of(*bundle) for bundle in BUNDLES],
        cross_entropies=[
            cross_entropy_of(*bundle)
            for bundle in BUNDLES
            if STUDY.generative(bundle[1])
        ],
        timings=expand("results/timing/{dataset}.json", dataset=STUDY.variants),
        statistics=expand("results/statistics/{dataset}.json", dataset=STUDY.variants),
        schema=here("workflow/schemas/summary.schema.yaml"),
        code=code_of("aggregate.py"),
    output:
        summary=report(
            "results/summary.csv",
            caption="../report/summary.rst",
            category="Results",
            labels={"what": "summary table"},
        ),
        parquet="results/summary.parquet",
        latex="results/summary.tex",
        seeds="results/seeds.csv",
        details="results/details.json",
        recommendation="results/recommendation.json",
    log:
        "results/logs/aggregate.log",
    benchmark:
        "results/benchmarks/aggregate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        entries=[
            [dataset, variant, seed, STUDY.reference(dataset, variant)]
            for dataset, variant, seed in BUNDLES
        ],
        labels={name: STUDY.datasets[name]["labels"] for name in STUDY.variants},
        budgets=list(STUDY.budgets.items()),  # pairs: the order matters, the first heads the report
        yardsticks={name: STUDY.yardstick(name) for name in STUDY.variants},
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
    benchmark:
        "results/benchmarks/rulegraph.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        config=(
            ["--configfile", *map(os.path.relpath, CONFIGFILES)]
            if workflow.overwrite_configfiles
            else []
        ),
        # all that shapes the graph, and nothing else of the config
        variants=dict(sorted(STUDY.variants.items())),
        models={
            name: [entry["family"], *pretrained_inputs(STUDY, name)]
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
        statistics="results/statistics/{dataset}.json",
        checkpoints=curves_of,
        code=code_of("figures.py"),
    output:
        figures=report(
            [f"results/figures/{name}.svg" for name in FIGURES],
            caption="../report/figures.rst",
            category="Figures",
            subcategory="{dataset}",
        ),
        png=[f"results/figures/{name}.png" for name in FIGURES],
        specs=[f"results/figures/{name}{SPEC}" for name in FIGURES],
    log:
        "results/logs/figures/{dataset}.log",
    benchmark:
        "results/benchmarks/figures/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        entry=lambda wildcards: STUDY.datasets[wildcards.dataset],
        curved=lambda wildcards: [
            list(pair) for pair in CURVED if pair[0] == wildcards.dataset
        ],
        training=bool(CURVED),
        curve_seed=STUDY.seeds[0] if len(STUDY.seeds) > 1 else None,
        bits=STUDY.compares_kinds(),
    message:
        "{wildcards.dataset}: draw the figures"
    script:
        "../scripts/figures.py"


rule trade_off:
    input:
        summary="results/summary.csv",
        details="results/details.json",
        code=code_of("trade_off.py"),
    output:
        svg=report(
            f"results/figures/{{dataset}}-{TRADE_OFF}.svg",
            caption="../report/figures.rst",
            category="Figures",
            subcategory="{dataset}",
        ),
        png=f"results/figures/{{dataset}}-{TRADE_OFF}.png",
        spec=f"results/figures/{{dataset}}-{TRADE_OFF}{SPEC}",
    log:
        "results/logs/trade_off/{dataset}.log",
    benchmark:
        "results/benchmarks/trade_off/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(GRIDS),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        context=context_of,
        entry=lambda wildcards: STUDY.datasets[wildcards.dataset],
        models=lambda wildcards: GRIDS[wildcards.dataset],
    message:
        "{wildcards.dataset}: draw the layers against the metric that decides"
    script:
        "../scripts/trade_off.py"


rule render:
    input:
        summary="results/summary.csv",
        details="results/details.json",
        recommendation="results/recommendation.json",
        statistics=expand("results/statistics/{dataset}.json", dataset=STUDY.variants),
        timings=expand("results/timing/{dataset}.json", dataset=STUDY.variants),
        cards=expand("results/data/{dataset}/card.json", dataset=STUDY.variants),
        figures=figures_ending(".svg"),
        specs=figures_ending(SPEC),
        checkpoints=[checkpoint_of(*pair, STUDY.seeds[0]) for pair in CURVED],
        graph="results/rulegraph.mmd",
        published=here(PUBLISHED),
        template=here("workflow/report/report.md.j2"),
        page=sorted(map(here, (ROOT / "workflow" / "report" / "page").iterdir())),
        code=code_of("render.py"),
    output:
        report=report(
            "results/report.md",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "report"},
        ),
        page=report(
            "results/report.html",
            caption="../report/page.rst",
            category="Report",
            labels={"what": "interactive report"},
        ),
    log:
        "results/logs/render.log",
    benchmark:
        "results/benchmarks/render.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        context=context_of,
        study={
            "name": STUDY.name,
            "description": STUDY.description,
            "seeds": STUDY.seeds,
            "config_files": CONFIG_FILES,
            "config_text": CONFIG_TEXT,
        },
        datasets={name: STUDY.datasets[name] for name in STUDY.variants},
        models=STUDY.models,
        passes=STUDY.passes,
        corresponding=STUDY.published,
        curved=[list(pair) for pair in CURVED],
    message:
        "write {output.report} and {output.page}"
    script:
        "../scripts/render.py"
