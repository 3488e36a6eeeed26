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
    "the same, and a folder has the target's name": (
        "snakemake -n --configfile my.yaml data",
        f"config: data: not a file; a config is one YAML file; {PUT} my.yaml -- data",
    ),
    "no config file at all after --configfile": (
        "snakemake -n --configfile report",
        f"config: report: no such file; {PUT} FILE.yaml -- report",
    ),
    "a misspelt config file": (
        "snakemake -n --configfile my.yml -- report",
        "config: my.yml: no such file; did you mean 'my.yaml'?",
    ),
    "--configfile twice": (
        "snakemake -n --configfile my.yaml --cores 2 --configfile=other.yaml -- report",
        "--configfile is given 2 times, and Snakemake reads only the last; give all values after one: "
        "--configfile my.yaml other.yaml",
    ),
    "--config twice": (
        "snakemake -n --config device=cpu --config 'seeds=[0, 1]' -- report",
        "--config is given 2 times, and Snakemake reads only the last; give all values after one: "
        "--config device=cpu 'seeds=[0, 1]'",
    ),
    "a forgotten -- after --config": (
        "snakemake -n --config device=cpu report",
        "--config device=cpu report: 'report' is not KEY=VALUE; if it is a target, put -- before it: "
        "--config device=cpu -- report",
    ),
    "a forgotten -- after --cache": (
        "snakemake -n --cache report",
        "--cache report: name no rule; if it is a target, put -- before it: --cache -- report",
    ),
    "a config file after --config": (
        "snakemake -n --config my.yaml -- report",
        "--config my.yaml: 'my.yaml' is not KEY=VALUE; a config file follows --configfile",
    ),
}

ALLOWED = "report, bundles, data, and files below results/ (results/report.html)"
# Targets that no rule makes, of the miniature study: what is wrong -> (the target, the line).
TARGETS = {
    "a misspelt target": (
        "reprot",
        f"target 'reprot': no such target; did you mean 'report'? Targets are {ALLOWED}",
    ),
    "a result without its folder": (
        "report.html",
        f"target 'report.html': no such target; did you mean 'results/report.html'? Targets are {ALLOWED}",
    ),
    "a variant's name as a target": (
        "tiny",
        f"target 'tiny': no such target; targets are {ALLOWED}",
    ),
    "a target of an unknown pass": (
        "results/demo-en/tiny+int8-sttic/seed0/bundle/bundle.json",
        "target 'results/demo-en/tiny+int8-sttic/seed0/bundle/bundle.json': unknown pass 'int8-sttic'; allowed: "
        "int8, kd, mag50",
    ),
    "a target of an unknown model": (
        "results/demo-en/tony/seed0/bundle/bundle.json",
        "target 'results/demo-en/tony/seed0/bundle/bundle.json': unknown model 'tony'; did you mean 'tiny'? "
        "Allowed: linear, tiny",
    ),
    "a target of an unknown data set": (
        "results/demo/tiny/seed0/predictions.parquet",
        "target 'results/demo/tiny/seed0/predictions.parquet': unknown dataset 'demo'; did you mean 'demo-en'? "
        "Allowed: demo-en",
    ),
    "a folder as a target": (
        "results/demo-en/tiny/seed0/bundle",
        "target 'results/demo-en/tiny/seed0/bundle': a folder; ask for the file "
        "results/demo-en/tiny/seed0/bundle/bundle.json",
    ),
}

READ = "texts come from a .txt, one per line, or a table (.csv, .tsv, .xlsx, .parquet)"
# What follows `emopress predict BUNDLE`, in a folder with files of texts, and a folder called folder.
PREDICT = {
    "a file that does not exist": (
        ["review.csv"],
        f"review.csv: no such file; {READ} (to predict the word itself: echo review.csv | emopress predict BUNDLE)",
    ),
    "a folder": (
        ["folder"],
        f"folder: a folder; {READ} (to predict the word itself: echo folder | emopress predict BUNDLE)",
    ),
    "several files": (
        ["reviews.txt", "other.txt"],
        "reviews.txt: a file among 2 texts; give one file at a time with --file reviews.txt, or join text files: "
        "cat FILE FILE | emopress predict BUNDLE",
    ),
    "a file and texts": (
        ["--file", "reviews.txt", "so happy"],
        "--file reviews.txt and 'so happy': give a file or texts, not both",
    ),
    "a file that does not exist, given with --file": (
        ["--file", "none"],
        f"none: no such file; {READ}",
    ),
    "a table with its texts in another column": (
        ["--file", "reviews.csv"],
        "reviews.csv, row 1: no column 'text'; the header has 'id', 'review'; name the column of the texts with "
        "--text-column",
    ),
    "a column of a file that has none": (
        ["--file", "reviews.txt", "--text-column", "review"],
        "reviews.txt: --text-column is for a table (.csv, .tsv, .xlsx, .parquet)",
    ),
    "a column without a file": (
        ["--text-column", "review"],
        "--text-column is for a table; give one with --file FILE",
    ),
    "texts in JSON": (
        ["--file", "reviews.json"],
        f"reviews.json: JSON; {READ} (jq -r .text reviews.json | emopress predict BUNDLE)",
    ),
    "a binary file": (["--file", "binary.txt"], f"binary.txt: not text; {READ}"),
}
