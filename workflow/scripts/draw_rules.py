"""Rule draw_rules: the rule graph, drawn as SVG and PNG."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.report.figures.rulegraph import rulegraph_figure
        from emopress.report.figures.style import save_figure

        graph = Path(snakemake.input.graph).read_text(encoding="utf-8")
        save_figure(rulegraph_figure(graph), Path(snakemake.output.svg).with_suffix(""))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
