"""Config files given by several flags."""

import os

from emopress.commandline import repeated_configfiles


def test_files_of_all_flags_but_the_last_are_found():
    cases = {
        "snakemake -n": [],
        "snakemake --configfile a.yaml -- report": [],
        "snakemake --configfile a.yaml b.yaml -- report": [],
        "snakemake --configfile a.yaml --configfile b.yaml -n -- report": ["a.yaml"],
        "snakemake --configfile=a.yaml --cores 2 --configfiles b.yaml c.yaml --configfile d.yaml": [
            *("a.yaml", "b.yaml", "c.yaml")
        ],
        "snakemake --config mirror=x --configfile a.yaml -- configfile": [],
    }
    for line, files in cases.items():
        assert repeated_configfiles(line.split()) == [os.path.abspath(f) for f in files], line
