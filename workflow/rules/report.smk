# Aggregate -> figures -> report.md and report.html, from result files alone.

from emopress.report.figures.names import SPEC, TRADE_OFF
from emopress.study import report_plan
from emopress.study.published import PUBLISHED

BUNDLES = list(STUDY.bundles())
CURVED = report_plan.curved(STUDY)
FIGURES = report_plan.figures(STUDY)  # of a data set, by the wildcard's name
GRIDS = report_plan.grids(STUDY)


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
        **report_plan.graph_params(STUDY),
        config=(
            ["--configfile", *map(os.path.relpath, CONFIGFILES)]
            if workflow.overwrite_configfiles
            else []
        ),
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
        checkpoints=lambda wildcards: [
            checkpoint_of(*pair, STUDY.seeds[0])
            for pair in report_plan.curved(STUDY, wildcards.dataset)
        ],
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
        curved=lambda wildcards: report_plan.curved(STUDY, wildcards.dataset),
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
        figures=report_plan.figure_files(STUDY, ".svg"),
        specs=report_plan.figure_files(STUDY, SPEC),
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
        study=report_plan.described(STUDY, CONFIGFILES, ROOT),
        datasets={name: STUDY.datasets[name] for name in STUDY.variants},
        models=STUDY.models,
        passes=STUDY.passes,
        corresponding=STUDY.published,
        curved=CURVED,
    message:
        "write {output.report} and {output.page}"
    script:
        "../scripts/render.py"
