"""Commands as newcomers mistype them: what is wrong, the command, and the line that says it."""

PUT = "--configfile takes it for a config file: if it is a target, put -- before it: --configfile"
# In a folder with a config my.yaml and a folder data.
SNAKEMAKE = {
    "a forgotten -- after --configfile": (
        "snakemake -n --configfile my.yaml report",
        f"config: report: no such file; {PUT} my.yaml -- report",
    ),
    "the same, and the target is a file": (
        "snakemake -n --configfile my.yaml results/report.md",
        f"config: results/report.md: no such file; {PUT} my.yaml -- results/report.md",
    ),
    "the same, and a folder is called as the target is": (
        "snakemake -n --configfile my.yaml data",
        f"config: data: not a file; a config is one YAML file; {PUT} my.yaml -- data",
    ),
    "no config file at all after --configfile": (
        "snakemake -n --configfile report",
        f"config: report: no such file; {PUT} FILE.yaml -- report",
    ),
    "a config file that is called otherwise": (
        "snakemake -n --configfile my.yml -- report",
        "config: my.yml: no such file (meant my.yaml?)",
    ),
    "a forgotten -- after --config": (
        "snakemake -n --config device=cpu report",
        "--config device=cpu report: 'report' is no KEY=VALUE; if it is a target, put -- before it: "
        "--config device=cpu -- report",
    ),
    "a config file after --config": (
        "snakemake -n --config my.yaml -- report",
        "--config my.yaml: 'my.yaml' is no KEY=VALUE; a config file follows --configfile",
    ),
}
