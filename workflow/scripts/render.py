"""Rule render: results/report.md and results/report.html."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake, folders=False):
        from emopress.artifact import read_json
        from emopress.measure.results import read_benchmarks, read_logs
        from emopress.measure.summary import read_table
        from emopress.report.dataset_view import Config, Results
        from emopress.report.environment import command_of, environment
        from emopress.report.figures.names import SPEC
        from emopress.report.markdown import write_markdown
        from emopress.report.page.embedded import page_data
        from emopress.report.page.page import write_page
        from emopress.report.view import report_view
        from emopress.study.published import load_published

        given, params = snakemake.input, snakemake.params
        study = dict(params.study)
        context = params.context
        command = command_of(
            study["config_files"], str(context.cores), mirror=bool(context.mirrors)
        )
        curves = read_logs(params.curved, given.checkpoints)
        results = Results(
            summary=read_table(given.summary),
            details=read_json(given.details),
            statistics={Path(path).stem: read_json(path) for path in given.statistics},
            recommendation=read_json(given.recommendation),
            timing={Path(path).stem: read_json(path) for path in given.timings},
            cards={Path(path).parent.name: read_json(path) for path in given.cards},
        )
        view = report_view(
            results,
            Config(
                study={**study, "command": command},
                datasets=dict(params.datasets),
                models=dict(params.models),
                passes=dict(params.passes),
                published=load_published(Path(given.published)),
                corresponding=dict(params.corresponding),
            ),
            environment=environment(Path(given.template).parent),
            rulegraph=Path(given.graph).read_text(encoding="utf-8"),
            benchmarks=read_benchmarks(Path(snakemake.output.report).parent / "benchmarks"),
            training_figures=results.cards if curves else [],
        )
        write_markdown(view, template=given.template, out=snakemake.output.report)
        write_page(
            context=view,
            data=page_data(
                summary=results.summary,
                details=results.details,
                statistics=results.statistics,
                recommendation=results.recommendation,
                curves=curves,
                datasets=dict(params.datasets),
            ),
            figures={Path(path).name.removesuffix(SPEC): read_json(path) for path in given.specs},
            out=Path(snakemake.output.page),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
