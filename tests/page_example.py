"""A made-up study for the tests of the page: two data sets, two seeds, labels that try to be HTML."""

import pandas as pd

from emopress.report.page.embedded import page_data
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

BENGALI = ["রাগ", "ভয়", "আনন্দ"]
HOSTILE = ["anger", "<script>alert(1)</script>", '=1+1 & "x" \'|`']
PASSES = {
    "int8": {"kind": "quantize", "method": "static", "calibration": {"texts": 100}},
    "trim": {"kind": "trim"},
    "kd": {"kind": "distill", "student": "tiny", "temperature": 2.0},
    "mag30": {"kind": "prune", "method": "magnitude", "amount": 0.3},
    "w8": {"kind": "quantize", "method": "weight-only"},
}
# variant: right answers of 400, size in bytes, p50 in ms
VARIANTS = {
    "teacher": (372, 91_451_424, 6.45),
    "teacher+int8": (371, 23_545_909, 2.52),
    "teacher+trim": (372, 64_581_585, 6.51),
    "teacher+trim+kd+int8": (369, 4_330_120, 1.03),
    "teacher+mag30": (368, 91_451_424, 6.60),
    "linear": (346, 2_050_000, 0.12),
    "linear+w8": (345, 520_000, 0.11),
}
SPEC = {
    "description": "bars",
    "width": 320,
    "height": 160,
    "background": "#FFFFFF",
    "data": {"values": [{"x": 1, "text": "bars"}]},
    "mark": {"type": "text", "fill": "#0072B2"},
    "encoding": {"text": {"field": "text", "type": "nominal"}},
}
SHARES = (0.0, 0.05, 0.1, 0.2)


def _test(variant, right, other, shown):
    if other is None or other == variant:
        return None
    gap = (right - VARIANTS[other][0]) / 400
    return {
        "variant": other,
        "accuracy_difference": gap,
        "accuracy_low": gap - 0.012,
        "accuracy_high": gap + 0.012,
        "macro_f1_difference": gap,
        "macro_f1_low": gap - 0.015,
        "macro_f1_high": gap + 0.015,
        "macro_f1_p": 0.4,
        "macro_f1_p_holm": 0.8,
        "macro_f1_shown": False,
        "only_this_right": 9,
        "only_other_right": 14,
        "mcnemar_p": 0.2,
        "mcnemar_p_holm": 0.0004 if shown else 0.61,
        "shown": shown,
    }


def _statistics(labels):
    found = {}
    for variant, (right, *_) in VARIANTS.items():
        accuracy = right / 400
        family = variant.split("+")[0]
        score = {"mean": accuracy, "sd": 0.0025, "low": accuracy - 0.025, "high": accuracy + 0.024}
        found[variant] = {
            "teacher": None if variant == family else family,
            "seeds": [1, 2],
            **dict.fromkeys(("accuracy", "macro_f1", "micro_f1"), score),
            "ece": 0.034,
            "class_f1": {label: {"low": 0.55, "high": 0.85} for label in labels},
            "agreement": {"mean": 0.97, "low": 0.95, "high": 0.98},
            "reliability": {
                "low": [0.4, 0.6, 0.8],
                "high": [0.6, 0.8, 1.0],
                "count": [20, 80, 700],
                "confidence": [0.52, 0.71, 0.97],
                "accuracy": [0.48, 0.66, 0.95],
            },
            "against": {
                "teacher": _test(variant, right, None if variant == family else family, False),
                "linear": _test(variant, right, "linear", family != "linear"),
                "reference": _test(variant, right, "teacher", family == "linear"),
            },
            "noise": [
                {
                    "noise": share,
                    "accuracy": accuracy - 1.5 * share,
                    "accuracy_low": accuracy - 1.5 * share - 0.025,
                    "accuracy_high": accuracy - 1.5 * share + 0.025,
                    "macro_f1": accuracy - 1.6 * share,
                }
                for share in SHARES
            ],
        }
    return {
        "task": "single",
        "judge_by": "accuracy",
        "resamples": 1000,
        "n_test": 400,
        "n_validation": 200,
        "linear": "linear",
        "reference": "teacher",
        "noise": list(SHARES),
        "variants": found,
    }


def _row(dataset, variant):
    right, size, p50 = VARIANTS[variant]
    accuracy, family = right / 400, "linear" if variant.startswith("linear") else "transformer"
    row = {
        "dataset": dataset,
        "variant": variant,
        "task": "single",
        "judge_by": "accuracy",
        "family": family,
        "runtime": "linear" if family == "linear" else "onnxruntime",
        "reference": "teacher",
        "simulated": variant == "teacher+mag30",
        "seeds": 2,
        "threads": 1,
    }
    for score in ("accuracy", "macro_f1", "micro_f1"):
        row |= {score: accuracy, f"{score}_sd": 0.0025}
        row |= {f"{score}_low": accuracy - 0.025, f"{score}_high": accuracy + 0.024}
    statistics = _statistics(HOSTILE)["variants"][variant]["against"]
    for other, test in statistics.items():
        row |= {
            f"{other}_difference": test and test["accuracy_difference"],
            f"{other}_low": test and test["accuracy_low"],
            f"{other}_high": test and test["accuracy_high"],
            f"{other}_p": test and test["mcnemar_p_holm"],
            f"{other}_shown": test and test["shown"],
            **{
                f"{other}_macro_f1_{end}": test and test[f"macro_f1_{end}"]
                for end in ("difference", "low", "high", "shown")
            },
            f"{other}_macro_f1_p": test and test["macro_f1_p_holm"],
        }
    return row | {
        "validation_accuracy": accuracy + 0.004,
        "ece": 0.034,
        "agreement": None if variant == "teacher" else 0.97,
        "agreement_low": None if variant == "teacher" else 0.95,
        "agreement_high": None if variant == "teacher" else 0.98,
        "params": size / 4,
        "nonzero_params": size / 5,
        "size_bytes": size,
        "bits_per_weight": 32.0,
        "compression": 91_451_424 / size,
        "latency_ms_p50": p50,
        "latency_ms_p95": 1.6 * p50,
        "throughput": 600 / p50,
        "speedup": 6.45 / p50,
        "timing_spread": 0.05,
        "speedup_shown": not 0.95 < 6.45 / p50 < 1.05,
        "speedup_over_pytorch": 12.4 / p50 if family == "transformer" else None,
        "peak_memory_bytes": 80_000_000 + size,
        "cold_start_ms": 180.0,
        **{f"accuracy_noise_{100 * share:g}": accuracy - 1.5 * share for share in SHARES[1:]},
    }


def _details(labels):
    details = {}
    for variant, (right, *_) in VARIANTS.items():
        model, *names = variant.split("+")
        family = "linear" if model == "linear" else "transformer"
        for seed in ("1", "2"):
            details.setdefault(variant, {})[seed] = {
                "confusion": [[200, 400 - right, 0], [0, right - 250, 0], [0, 0, 50]],
                "per_class": {
                    label: {"precision": 0.9, "recall": 0.8, "f1": 0.6 + 0.1 * i, "support": 100}
                    for i, label in enumerate(labels)
                },
                "n_test": 400,
                "recipe": [
                    {"name": model, "family": family},
                    *({"name": name, **PASSES[name]} for name in names),
                ],
                "findings": {"mag30": {"zero_share_of_linear_weights": 0.3, "<b>": "<script>|"}}
                if "mag30" in names
                else {},
            }
    return details


def _dataset_context(name, title, demo, labels):
    main = t.table([{"Variant": t.code(v), "Accuracy %": t.percent(VARIANTS[v][0] / 400)} for v in VARIANTS],
        left=("Variant",),
    )  # fmt: skip
    counts = [{"Label": label, "train": 300, "test": 100} for label in labels]
    return {
        "name": name,
        "title": title,
        "language": "bn" if labels is BENGALI else "en",
        "demo": demo,
        "recommendation_table": t.table(
            [
                {
                    "Budget": t.code("smallest"),
                    "Limits": "at most 1 point of accuracy lost",
                    "Ship": t.code("teacher+trim+kd+int8"),
                    "Accuracy %": t.percent(0.9225),
                    "Size": t.size(4_330_120),
                    "p50 ms": t.decimals(1.03),
                    "Runner-up": t.code("teacher+int8"),
                },
                {
                    "Budget": t.code("fastest"),
                    "Limits": "at most 8 points of accuracy lost",
                    "Ship": t.code("linear+w8"),
                    "Accuracy %": t.percent(0.8625),
                    "Size": t.size(520_000),
                    "p50 ms": t.decimals(0.11),
                    "Runner-up": t.code("linear"),
                },
            ],
            left=("Budget", "Limits", "Ship", "Runner-up"),
        ),
        "published_table": main if not demo else None,
        "main_table": main,
        "tests_tables": {"Against its own teacher": main},
        "noise_table": main,
        "engine_table": None,
        "other_engines_table": None,
        "searches_table": None,
        "findings_table": None,
        "any_simulated": True,
        "simulated": t.code("teacher+mag30"),
        "unstructured": True,
        "card": {
            "labels": t.table(counts, left=("Label",)),
            "lengths": Markdown("(no rows)"),
            "cut": Markdown("(no rows)"),
            "repeats": Markdown("(no rows)"),
            "leakage": Markdown("(no rows)"),
            "leaked": 3,
            "leaked_share": t.percent(0.0075),
            "notes": [t.escape("a.tsv: cells (3) are between quotation marks")],
            "dropped": t.count(0),
            "split": t.settings({"method": "clean", "seed": 42}),
            "licence": t.link("MIT", "https://example.org/licence"),
            "citation": t.escape("A. Author <a@b>, *A title*"),
        },
        "timing": {
            "cpu": "Some CPU @ 2.0 GHz",
            "flags": t.code("avx2"),
            "int8": Markdown("`session.x64quantprecision=1`: slower"),
            "threads": [1, 2],
            "rounds": 20,
            "texts": 64,
            "batch_size": 32,
            "versions": {"python": "3.12"},
        },
        "timed_with": Markdown("python 3.12"),
        "threads": t.count(1),
        "spread": t.share(0.05),
        "n_test": t.count(400),
        "resamples": t.count(1000),
        "several_seeds": True,
        "answer": _answer(name, title, "Bengali" if labels is BENGALI else "English", demo),
    }


def _answer(name, title, language, demo):
    return {
        "dataset": name,
        "title": title,
        "language": language,
        "demo": demo,
        "budget": "smallest",
        "variant": "teacher+trim+kd+int8",
        "headline": Markdown(
            "Ship `teacher+trim+kd+int8`: 4.33 MB, 1.03 ms a text, 92.25 % accuracy, 92.25 % macro F1."
        ),
        "why": Markdown(
            "It is the smallest with at most 1 point of accuracy below `teacher` on validation texts."
        ),
        "cost": Markdown(
            "Against `teacher` it loses 0.75 points of accuracy (93.00 to 92.25 %) and 0.75 of "
            "macro F1 (93.00 to 92.25 %); it is "
            "21.1x smaller (91.45 MB before), 6.3x faster in the same engine (onnxruntime), 12.0x faster than "
            "`teacher` in PyTorch."
        ),
        "sure": [
            Markdown(
                "No difference from `teacher` is shown on 400 test texts, neither in accuracy (p = 0.61) nor in macro "
                "F1 (p = 0.8); a loss of up to 2.0 or 2.2 points could have been missed."
            ),
            Markdown("It was trained once; what another training run would change is unknown."),
        ],
        "caveats": [
            Markdown(
                "On 400 test texts the 95 % interval is 89.8 to 94.7 % for accuracy and 89.8 to 94.7 % for macro F1."
            ),
            Markdown(
                "It was chosen from 6 variants, 4 of which meet the limits, by accuracy on 200 validation texts."
            ),
            Markdown(
                "The intervals hold for texts whose labels are as frequent as in this test split. They cover no "
                "differences between training runs and are not corrected for the number of comparisons."
            ),
        ],
        "runner_up": Markdown(
            "`teacher+int8`: 23.55 MB, 2.52 ms per text, 92.75 % accuracy, 92.75 % macro F1."
        ),
        "same_family": Markdown(""),
        "warnings": [
            Markdown(
                "It was made from csebuetnlp/banglabert, whose licence restricts use: cc-by-nc-sa-4.0."
            )
        ],
    }


def example():
    """Return `context`, `data` and `figures` for `write_page`."""
    sets = {
        "real-bn": ("Bengali comments", False, BENGALI),
        "demo-en": ("English <i>demo</i>", True, HOSTILE),
    }
    budgets = [
        {"budget": "smallest", "met": True, "variant": "teacher+trim+kd+int8"},
        {"budget": "fastest", "met": False, "variant": "linear+w8"},
    ]
    curve = [
        {"epoch": epoch, "loss": 1.6 / epoch, "validation_macro_f1": 0.93 - 0.3 / epoch}
        for epoch in range(1, 7)
    ]
    data = page_data(
        summary=pd.DataFrame([_row(name, variant) for name in sets for variant in VARIANTS]),
        details={name: _details(labels) for name, (_, _, labels) in sets.items()},
        statistics={name: _statistics(labels) for name, (_, _, labels) in sets.items()},
        recommendation={name: budgets for name in sets},
        curves={
            name: {"teacher": curve, "teacher+trim+kd+int8": curve[:4], "linear": []}
            for name in sets
        },
        datasets={
            name: {"title": title, "demo": demo, "labels": labels}
            for name, (title, demo, labels) in sets.items()
        },
    )
    table = t.table([{"Data set": t.code(name)} for name in sets])
    context = {
        "study": {"name": "trial", "description": "A <b>bold</b> study.", "seeds": [1, 2]},
        "demos": ["English <i>demo</i>"],
        "all_demo": False,
        "number_of_variants": 14,
        "number_of_rows": 28,
        "seeds": Markdown("`1`, `2`"),
        "config_files": Markdown("`config/config.yaml`"),
        "config_text": Markdown("name: trial # </script><script>alert(2)</script>\n"),
        "command": Markdown("snakemake --cores 4 -- report"),
        "datasets_table": table,
        "models_table": table,
        "passes_table": table,
        "datasets": [
            _dataset_context(name, title, demo, labels)
            for name, (title, demo, labels) in sets.items()
        ],
        "environment": {
            "python": "3.12",
            "cpu": "Some CPU",
            "memory_gb": 8.0,
            "os": "Linux",
            "git_commit": "0123abc",
            "git_dirty": True,
        },
        "packages": Markdown("onnxruntime 1.31.1"),
        "cpu_flags": Markdown("`avx2`"),
        "int8": Markdown("`session.x64quantprecision=1`: slower"),
        "rulegraph": Markdown("flowchart TB\n  a --> b"),
    }
    figures = {"real-bn-accuracy-bars": SPEC, "demo-en-techniques": SPEC}
    return {"context": context, "data": data, "figures": figures}
