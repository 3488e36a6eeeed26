"""The names that a config may not give are those of what the workflow writes: derived, so that none is forgotten."""

from pathlib import Path

import pytest

from emopress.jobs.ledger import CHECKSUMS, RESULTS
from emopress.jobs.tracking import FOLDER
from emopress.study.reserved import DATASETS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def written(planned_rules):
    """Return the patterns of all that rules write below results/, split at the slashes."""
    rules = planned_rules.values()
    files = [str(f) for rule in rules for f in (*rule.output, *rule.log)]
    files += [str(rule.benchmark) for rule in rules if rule.benchmark]
    return [Path(f).relative_to(RESULTS).parts for f in files]


def test_what_stands_beside_the_data_sets_is_reserved(written):
    direct = {first for first, *_ in written if not first.startswith("{dataset")}
    kept = {path.name.casefold() for path in (ROOT / "results").iterdir() if path.is_file()}
    others = {CHECKSUMS, FOLDER.relative_to(RESULTS).parts[0], "readme.md"}
    assert set(DATASETS) == direct | others
    assert "readme.md" in kept  # the page that the repository has there


def test_nothing_stands_beside_the_variants_of_a_data_set(written):
    """So no name of a model or pass is reserved."""
    inner = {parts[1] for parts in written if parts[0].startswith("{dataset")}
    assert inner and all(part.startswith("{") for part in inner)
