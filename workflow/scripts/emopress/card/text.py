"""Writes a model card: YAML front matter for the hub, then Markdown for readers."""

from typing import Any

from emopress.card.facts import RESAMPLES, Facts
from emopress.card.limitations import language_of, limitations
from emopress.card.steps import recipe_lines
from emopress.card.tables import (
    accuracy_name,
    data_view,
    label_table,
    licence_table,
    score_table,
    threshold_table,
)
from emopress.card.template import BODY
from emopress.checkpoint import ADAPTER
from emopress.data.languages import hub_language, primary_language
from emopress.data.licences import (
    KNOWN,
    OTHER,
    Stated,
    checkpoint_licences,
    deciding,
    recognise,
)
from emopress.errors import UserError
from emopress.measure.deciding import MACRO_F1, METRICS
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.runtime.stored import stored_apart

LIBRARIES = {
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "transformers": "transformers",
    "linear": "emopress",
    "dense": "emopress",
    "conv": "emopress",
}
# The runtimes that `emopress export` has a writer for.
EXPORTABLE = ("linear", "dense", "conv", "onnxruntime")
EXAMPLES = {"bn": "আজ আমার মনটা খুব ভালো।", "en": "i feel wonderful today"}
TRAINING_DATA = "the training data"  # without a data card, which would name it


def card_text(facts: Facts, *, repo: str | None = None) -> str:
    """Return the model card of a bundle; `repo` is the hub repository to upload it to, if known."""
    return f"---\n{_front_matter(facts)}\n---\n\n{_body(facts, repo)}"


def all_licences(facts: Facts) -> list[Stated]:
    """Return the licences of the checkpoints that a bundle was made from, then that of its data."""
    licence = Stated("not known", TRAINING_DATA, None)
    if data := facts.data:
        text = data["licence"] or "not stated"
        licence = Stated(text, data["title"], recognise(text), data["licence_url"] or "")
    return [*checkpoint_licences(facts.bundle.facts), licence]


def unknown_licences(facts: Facts) -> list[str]:
    """Return a line per licence that is not known, with what the author of the card can do."""
    outcome = f"so the card says license: {OTHER} and tells readers to ask"
    return [
        f"the licence of {one.of} is not known without its data card (--data-card FILE), {outcome}"
        if facts.data is None and one.of == TRAINING_DATA
        else f"the licence of {one.of}, {one.text!r}, is not one that emopress knows "
        f"({', '.join(KNOWN)}), {outcome}; if it is one of these, or yours to choose, set "
        "`licence` in the config, or edit the card"
        for one in all_licences(facts)
        if one.known is None
    ]


def licence_id(facts: Facts) -> str:
    """Return the hub's id of the strictest licence, `other` if it is not known."""
    strictest = deciding(all_licences(facts))
    return strictest.known.id if strictest and strictest.known else OTHER


def _front_matter(facts: Facts) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    manifest, data, licence = facts.bundle.facts, facts.data, licence_id(facts)
    extra: dict[str, Any] = {}
    if licence == OTHER:
        extra["license_name"] = "see-model-card"
        strictest = deciding(all_licences(facts))
        if strictest and strictest.url.startswith("https://"):
            extra["license_link"] = strictest.url
    if facts.measured and data:
        extra["model_name"] = facts.variant
        extra["metrics"] = ["accuracy", "f1"]
        values = (
            ("accuracy", accuracy_name(facts), facts.measured.scores.accuracy, None),
            ("f1", "Macro F1", facts.measured.scores.macro_f1, {"average": "macro"}),
        )
        extra["eval_results"] = [
            EvalResult(
                task_type="text-classification",
                task_name="Emotion classification",
                dataset_type=facts.hub_data or data["dataset"],
                dataset_name=data["title"],
                dataset_split="test",
                metric_type=kind,
                metric_name=name,
                metric_value=round(value, 4),
                metric_args=arguments,
            )
            for kind, name, value, arguments in values
        ]
    tags = ["emotion-classification", "model-compression", "emopress"]
    tags += sorted({str(step["kind"]) for step in manifest["recipe"] if "family" not in step})
    return ModelCardData(
        language=hub_language(manifest["language"] or ""),
        license=licence,
        library_name=LIBRARIES.get(manifest["runtime"]),
        pipeline_tag="text-classification",
        tags=tags,
        datasets=[facts.hub_data] if facts.hub_data else None,
        base_model=(manifest.get("base") or {}).get("repo"),
        **extra,
    ).to_yaml()


def _body(facts: Facts, repo: str | None) -> str:
    from emopress.report.markdown import markdown_environment

    template = markdown_environment().from_string(BODY)
    try:
        return template.render(_view(facts, repo))
    except (AttributeError, KeyError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{facts.bundle.folder}: manifest or data card is damaged ({what})"
        ) from error


def _view(facts: Facts, repo: str | None) -> dict[str, Any]:
    bundle, data, measured = facts.bundle, facts.data, facts.measured
    manifest = bundle.facts
    licences = all_licences(facts)
    return {
        "variant": t.code(facts.variant),
        "title": data["title"] if data else None,
        "demo": bool(data and data["demo"]),
        "language": language_of(facts),
        "labels": t.join([t.code(label) for label in manifest["labels"]]),
        "thresholds": threshold_table(manifest) if manifest.get("thresholds") else None,
        "seed": manifest["seed"],
        "size": t.size(bundle.size_bytes),
        "params": t.count(manifest["params"]),
        "nonzero": t.count(manifest["nonzero_params"]),
        "runtime": t.code(manifest["runtime"]),
        "files": t.join([t.code(name) for name in bundle.files]),
        "recipe": recipe_lines(manifest["recipe"]),
        "versions": t.settings(manifest.get("versions") or {}),
        "data_sha256": t.code(manifest.get("data_sha256") or "unknown"),
        "repo": Markdown(repo) if repo else None,
        "folder": Markdown("model" if repo else "FOLDER"),
        "plain": manifest["runtime"] == "onnxruntime" and not stored_apart(manifest["files"]),
        "exportable": manifest["runtime"] in EXPORTABLE and "wide_ngrams" not in manifest,
        "adapters": any(name.startswith(f"{ADAPTER}/") for name in manifest["files"]),
        "normalise": Markdown(str(manifest["normalise"])),
        "max_length": t.setting(int(manifest["max_length"])),
        "example": Markdown(EXAMPLES.get(primary_language(manifest["language"] or ""), "a text")),
        "scores": score_table(facts) if measured else None,
        "per_label": label_table(facts) if measured else None,
        "texts": t.count(measured.scores.texts) if measured else None,
        "intervals": _intervals(facts) if measured else None,
        "tuned_for": _tuned_for(bundle.facts),
        "data": data_view(data) if data else None,
        "limitations": limitations(facts),
        "non_commercial": [
            t.escape(one.of) for one in licences if one.known is KNOWN["cc-by-nc-sa-4.0"]
        ],
        "unknown": [t.escape(one.of) for one in licences if one.known is None],
        "licences": licence_table(licences),
        "licence": licence_id(facts),
    }


def _tuned_for(manifest: dict[str, Any]) -> str:
    """Say for which score the thresholds were tuned."""
    key = manifest.get("judge_by", MACRO_F1.key)
    return (
        "each for the F1 of its label"
        if key == MACRO_F1.key
        else f"together for {METRICS[key].name}"
    )


def _intervals(facts: Facts) -> str:
    """Say how the intervals of the scores were computed."""
    from emopress.measure.deciding import FEW_TEXTS

    assert facts.measured is not None
    if facts.measured.scores.texts < FEW_TEXTS:
        return "exact and binomial (Clopper-Pearson, which F1 uses indirectly), because there are few test texts"
    strata = "" if facts.bundle.manifest.get("thresholds") else ", stratified by label"
    return (
        f"from the percentile bootstrap over the test texts ({t.count(RESAMPLES)} resamples{strata}), or exact and "
        "binomial if all resamples give the same number"
    )
