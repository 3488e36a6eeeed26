# The study, from raw text to results/report.md:   snakemake --cores 4 report
# Another study:                                    snakemake --cores 4 --configfile config/study.yaml -- report

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/config.smk"


for path in READ_HERE:

    configfile: path


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/compress.smk"
include: "workflow/rules/bundle.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


# Under a scheduler these run where Snakemake runs: what needs the network, and what takes a second.
localrules:
    report,
    bundles,
    data,
    fetch_data,
    fetch_model,
    fetch_tokenizer,
    fetch_vectors,
    describe_data,
    rulegraph,
    sbom,
    draw_rules,


rule report:
    default_target: True
    input:
        "results/report.md",
        "results/report.html",
        "results/sbom.cdx.json",


rule bundles:
    input:
        [
            bundle_of(dataset, variant, seed)
            for dataset, variant, seed in STUDY.bundles()
        ],


rule data:
    input:
        expand("results/data/{dataset}/card.json", dataset=STUDY.variants),


check_targets()
