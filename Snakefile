# The study, from raw text to results/report.md:   snakemake --cores 4 report
# Another study:                                    snakemake --cores 4 --configfile config/study.yaml -- report

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/config.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/make.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule report:
    default_target: True
    input:
        "results/report.md",
        "results/report.html",
    localrule: True


rule bundles:
    input:
        [bundle_of(*made) for made in STUDY.bundles()],
    localrule: True


rule data:
    input:
        expand("results/data/{dataset}/card.json", dataset=STUDY.variants),
    localrule: True


try:
    check_targets(workflow, STUDY)
    if workflow.output_settings.dryrun:  # a run checks them at its start
        CONTEXT.check_gpus()
except UserError as error:
    raise WorkflowError(str(error)) from None


onstart:
    try:
        CONTEXT.start()
    except UserError as error:
        raise WorkflowError(str(error)) from None
