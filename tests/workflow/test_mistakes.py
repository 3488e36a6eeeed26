"""A mistake in a config is one readable line, through the API and on the command line."""

from pathlib import Path

import pytest
import yaml
from snakemake.exceptions import WorkflowError

from command_line import snakemake

ROOT = Path(__file__).parents[2]


def misspelt(config):
    config["passes"]["mag50"]["ammount"] = 0.5


def unknown_variant(config):
    config["study"][0]["variants"].append("tiny+squash")


def impossible_chain(config):
    config["study"][0]["variants"].append("tiny+int8-static+mag50")


def wrong_type(config):
    config["seeds"] = "0"


def unknown_key(config):
    config["colour"] = "blue"


MISTAKES = {
    misspelt: "config: passes.mag50: unknown key 'ammount'; did you mean 'amount'?",
    unknown_variant: "config: study.demo-en: variant 'tiny+squash': unknown pass 'squash'; allowed:",
    impossible_chain: "variant 'tiny+int8-static+mag50': pass 'mag50' (prune magnitude) cannot follow 'int8-static'",
    wrong_type: "config: seeds: '0' is not a list",
    unknown_key: "config: unknown key 'colour'",
}


@pytest.mark.parametrize("spoil", MISTAKES, ids=lambda spoil: spoil.__name__)
def test_mistake(plan, miniature, spoil):
    spoil(miniature)
    with pytest.raises(WorkflowError) as caught:
        plan(miniature)
    assert MISTAKES[spoil] in str(caught.value)
    assert "Traceback" not in str(caught.value)


ANY = {"architecture": "bert", "layers": 1, "width": 8, "heads": 1, "ffn": 8}
TRAIN = {"epochs": 1, "learning_rate": 0.01}
GLOVE = {"source": "glove", "file": "v.txt", "dimension": 2, "licence": "MIT"}
ABSENT = {  # what is fetched -> (the model or data set, the target, the place below a mirror)
    "model": (
        {"family": "transformer", "from_mirror": True, "mirrored_as": "theirs", "train": TRAIN},
        "results/demo-en/m/seed0/checkpoint/checkpoint.json",
        "models/theirs/",
    ),
    "a hub's model": (
        {"family": "transformer", "hub": "a/b", "train": TRAIN},
        "results/demo-en/m/seed0/checkpoint/checkpoint.json",
        "models/m/",
    ),
    "tokenizer": (
        {"family": "transformer", "init": ANY, "tokenizer": {"from_mirror": "t"}, "train": TRAIN},
        "results/demo-en/m/seed0/checkpoint/checkpoint.json",
        "tokenizers/t/",
    ),
    "word vectors": (
        {"family": "dense", "vectors": GLOVE, "train": TRAIN},
        "results/demo-en/m/seed0/checkpoint/checkpoint.json",
        "vectors/v.txt",
    ),
    "data": (None, "results/data/emotion/counts.json", "emotion/"),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_no_mirror_has_is_reported_by_the_dry_run(plan, miniature, tmp_path, what):
    entry, target, place = ABSENT[what]
    if entry:
        miniature["models"]["m"] = entry
    miniature["mirror"] = [str(tmp_path / "one"), str(tmp_path / "two")]
    with pytest.raises(WorkflowError) as caught:
        plan(miniature, target)
    message = next(line for line in str(caught.value).splitlines() if "no mirror has" in line)
    assert all(f"{tmp_path / mirror}/{place}" in message for mirror in ("one", "two"))
    assert "leave out --config mirror=DIR to download it" in message
    assert (
        plan(miniature, "results/data/demo-en/counts.json").counts["fetch_data"] == 1
    )  # no matter
    folder = tmp_path / "results" / ("models" if "model" in what else "tokenizers") / "m"
    if what in ("model", "a hub's model", "tokenizer"):  # fetched already: the mirror may go
        folder.mkdir(parents=True)
        (folder / "pretrained.json").write_text("{}")
        assert plan(miniature, target).jobs
    if what == "model":
        (folder / "pretrained.json").unlink()
        miniature["mirror"] = []
        with pytest.raises(
            WorkflowError, match="or a mirror: --config mirror=DIR reads DIR/models/th"
        ):
            plan(miniature, target)


def test_a_misspelt_target(miniature, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(miniature))
    command = f"-n --cores 1 --configfile config.yaml --snakefile {ROOT}/Snakefile -- reprot"
    done = snakemake(tmp_path, *command.split())
    printed = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in printed
    assert printed.count("target 'reprot': no such target; did you mean 'report'?") == 1
    assert not (tmp_path / "results").exists()


def test_a_config_file_beside_another_working_folder(miniature, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(miniature))
    command = "-n --cores 1 --directory elsewhere --configfile config.yaml config.yaml"
    target = "results/data/demo-en/counts.json"
    done = snakemake(tmp_path, *command.split(), "--snakefile", f"{ROOT}/Snakefile", "--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "prepare_data" in done.stdout + done.stderr


def test_command_line(miniature, tmp_path):
    misspelt(miniature)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(miniature))
    command = f"-n --cores 1 --configfile config.yaml --snakefile {ROOT}/Snakefile report"
    done = snakemake(tmp_path, *command.split())
    assert done.returncode == 1
    printed = done.stdout + done.stderr
    assert printed.count(MISTAKES[misspelt]) == 1
    assert "Traceback" not in printed
    assert not (tmp_path / "results").exists()
