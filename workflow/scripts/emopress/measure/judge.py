"""Writes results/statistics/<dataset>.json, and the texts whose label a compressed variant changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emopress.artifact import write_json
from emopress.errors import UserError
from emopress.measure.deciding import Judge
from emopress.measure.evaluated import read_all
from emopress.measure.flips import confident_flips, write_flips
from emopress.measure.questions import pairs_of, questions
from emopress.measure.sampled import sampled
from emopress.measure.statistics import Against, baseline, statistics_of
from emopress.measure.text_facts import text_facts


def judge(
    *,
    bundles: Sequence[tuple[str, int]],
    predictions: Sequence[Path],
    cut: Sequence[Path],
    train: Path,
    validation: Path,
    test: Path,
    labels: list[str],
    teachers: Against,
    linears: list[str],
    reference: str | None,
    judge_by: tuple[str, str],
    resamples: int,
    most_flips: int,
    statistics: Path,
    flips: Path,
    lstms: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write `statistics` and, of every variant, the `most_flips` most confident flips to `flips`.

    `bundles`: variant and seed of each bundle; `predictions` and `cut` (what `measure.cut` counted) are its
    files, in the same order. Every variant has every seed. train, validation and test are the splits.
    `teachers`: variant -> the variant that it was made from or taught by, None for none. `reference`: whom
    all are compared with too, None for nobody. `judge_by`: task and key of the metric that decides.
    `linears`: the uncompressed linear models, of which the best on validation is the baseline. Whoever a
    variant is compared with must be among the bundles. `lstms`: the LSTM variants as `questions.pairs_of`
    takes them; of both kinds, they are compared (`questions`). UserError names files that do not fit together.
    """
    decides, keys = Judge(*judge_by), [(variant, seed) for variant, seed in bundles]
    evaluated = read_all(dict(zip(keys, predictions, strict=True)), test, labels, decides.metric)
    for other in [*teachers.values(), reference, *linears]:
        if other is not None and other not in evaluated.variants:
            raise UserError(
                f"statistics: {other}, which others are compared with, was not evaluated"
            )
    linear = baseline(evaluated, linears)
    scores, pairs = sampled(evaluated, resamples), pairs_of(lstms)
    compared: dict[str, Against] = {
        name: {"teacher": teachers.get(name), "linear": linear, "reference": reference}
        for name in evaluated.variants
    }
    table = statistics_of(evaluated, scores, compared, judge=decides, resamples=resamples)
    frames = [
        confident_flips(evaluated, name, against["teacher"], limit=most_flips)
        for name, against in compared.items()
        if against["teacher"] is not None and against["teacher"] != name
    ]
    write_flips(frames, flips)
    cut_of = dict(zip(keys, cut, strict=True))
    write_json(
        statistics,
        {
            "task": decides.task,
            "judge_by": decides.key,
            "resamples": resamples,
            "n_test": len(evaluated.texts),
            "n_validation": evaluated.n_validation,
            "linear": linear,
            "reference": reference,
            "noise": evaluated.noise,
            "variants": table,
            "texts": text_facts(evaluated, train=train, validation=validation, cut=cut_of),
            **({"questions": questions(pairs, scores)} if pairs else {}),
        },
    )
