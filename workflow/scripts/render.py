"""Rule render: results/report.md."""

import os
from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import CORES_VARIABLE, job, mirrors

    with job(snakemake):
        import pandas

        from emopress.artifact import read_json
        from emopress.report.environment import command_of, environment
        from emopress.report.render import render_report

        study = dict(snakemake.params.study)
        command = command_of(
            study["config_files"], os.environ.get(CORES_VARIABLE, "1"), mirror=bool(mirrors())
        )
        render_report(
            summary=pandas.read_csv(snakemake.input.summary),
            details=read_json(snakemake.input.details),
            timing={Path(path).stem: read_json(path) for path in snakemake.input.timings},
            cards={Path(path).parent.name: read_json(path) for path in snakemake.input.cards},
            datasets=dict(snakemake.params.datasets),
            models=dict(snakemake.params.models),
            passes=dict(snakemake.params.passes),
            study={**study, "command": command},
            environment=environment(Path(snakemake.input.template).parent),
            rulegraph=Path(snakemake.input.graph).read_text(encoding="utf-8"),
            template=snakemake.input.template,
            out=snakemake.output.report,
            training_figures=snakemake.params.curved,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
