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
    unknown_variant: "config: study.demo-en: variant 'tiny+squash': unknown pass 'squash'; passes are:",
    impossible_chain: "variant 'tiny+int8-static+mag50': pass 'mag50' (prune magnitude) cannot follow 'int8-static'",
    wrong_type: "config: seeds: '0' is not of type array",
    unknown_key: "config: unknown key 'colour'",
}


@pytest.mark.parametrize("spoil", MISTAKES, ids=lambda spoil: spoil.__name__)
def test_mistake(plan, miniature, spoil):
    spoil(miniature)
    with pytest.raises(WorkflowError) as caught:
        plan(miniature)
    assert MISTAKES[spoil] in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_command_line(miniature, tmp_path):
    misspelt(miniature)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(miniature))
    command = f"-n --cores 1 --configfile config.yaml --snakefile {ROOT}/Snakefile report"
    done = snakemake(tmp_path, *command.split(), seconds=60)
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert told.count(MISTAKES[misspelt]) == 1
    assert "Traceback" not in told
    assert not (tmp_path / "results").exists()
