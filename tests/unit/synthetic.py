"""Synthetic results of a study for the tests of the report: two data sets, nine variants, two seeds."""

import numpy as np
import pandas as pd

from emopress.measure.recommend import recommend
from emopress.measure.summary import summarise

LABELS = ["anger", "<script>|", "=1+1"]
PASSES = {
    "int8": {"kind": "quantize", "method": "static", "calibration": 100},
    "dyn": {"kind": "quantize", "method": "dynamic"},
    "mag30": {"kind": "prune", "method": "magnitude", "amount": 0.3},
    "kd": {"kind": "distill", "student": "tiny", "temperature": 2.0},
    "w8": {"kind": "quantize", "method": "weight-only"},
}
MODELS = {
    "teacher": {"family": "transformer", "hub": "some/where", "revision": "abc"},
    "linear": {"family": "linear", "ngrams": [2, 5]},
    "tiny": {"family": "transformer", "init": {"layers": 1}, "tokenizer": {"model": "donor"}},
    "donor": {"family": "transformer", "hub": "some/donor", "revision": "def"},
    "unused": {"family": "linear"},
}
# variant: right answers of 200 on test and of 100 on validation, size in bytes, p50 in ms
VARIANTS = {
    "teacher": (180, 90, 90_900_000, 8.0),
    "teacher+int8": (178, 89.5, 23_500_000, 2.9),
    "teacher+dyn": (179, 88, 23_400_000, 3.1),
    "teacher+mag30": (178, 89, 90_900_000, 8.1),
    "teacher+kd": (177, 89, 41_200_000, 4.0),
    "teacher+kd+mag30+int8": (176, 89.2, 10_900_000, 1.6),
    "teacher+kd+int8": (175, 86, 10_800_000, 1.7),
    "linear": (160, 80, 1_900_000, 0.12),
    "linear+w8": (160, 80, 52_000, 0.11),
}
NOTE = (
    "survey.xlsx: sheet 'January' is read, and not '<b>February'; columns.sheet chooses another one"
)
FINDINGS = {
    "int8": {"int8_weight_share": 0.9987},
    "mag30": {"zero_share_of_linear_weights": 0.3, "<b>|": "<script>|"},
}
PARTS = ("train", "validation", "test")


NOISE = (0.0, 0.05, 0.1)
SPREAD = 0.05
BUDGETS = {
    "smallest": {"max_loss": 1.0, "prefer": "size"},
    "pocket": {"max_size_mb": 0.001, "prefer": "score"},
}


def family_of(variant):
    return "linear" if variant.startswith("linear") else "transformer"


def root_of(variant):
    root = variant.split("+")[0]
    return None if root == variant else root


def details_of_variant(variant, hits):
    """Return the details of one seed with `hits` right of 200."""
    matrix = np.diag([100, hits - 130, 30])
    matrix[1, 0] = 200 - hits
    model, *names = variant.split("+")
    return {
        "per_class": {
            label: {"precision": 0.9, "recall": 0.8, "f1": 0.85, "support": 66} for label in LABELS
        },
        "confusion": matrix.tolist(),
        "n_test": 200,
        "recipe": [
            {"name": model, "family": family_of(variant)},
            *({"name": name, **PASSES[name]} for name in names),
        ],
        "findings": {name: FINDINGS[name] for name in names if name in FINDINGS},
        "licences": ["apache-2.0"],
    }


def rows_by_seed(dataset):
    """Return the rows of results/seeds.csv and the details of one data set."""
    rows, details = [], {}
    for variant, (right, valid, size, p50) in VARIANTS.items():
        for seed in (1, 2):
            hits = right + (1 if seed == 1 else -1)
            details.setdefault(variant, {})[str(seed)] = details_of_variant(variant, hits)
            rows.append(
                {
                    "dataset": dataset,
                    "variant": variant,
                    "seed": seed,
                    "family": family_of(variant),
                    "runtime": "onnxruntime" if family_of(variant) == "transformer" else "linear",
                    "reference": "teacher",
                    "simulated": variant == "teacher+mag30",
                    "validation_accuracy": valid / 100,
                    "validation_macro_f1": valid / 100,
                    "validation_micro_f1": valid / 100,
                    "validation_sample_f1": None,
                    "validation_jaccard": None,
                    "params": size // 4,
                    "nonzero_params": size // 5,
                    "size_bytes": size,
                    "bits_per_weight": 32.0,
                    "compression": 90_900_000 / size,
                    "threads": 1,
                    "latency_ms_p50": p50,
                    "latency_ms_p95": 1.5 * p50,
                    "throughput": 2000 / p50,
                    "all_threads": 2,
                    "all_latency_ms_p50": 0.6 * p50,
                    "all_throughput": 3000 / p50,
                    "speedup": 8.0 / p50,
                    "speedup_over_pytorch": 24.0 / p50
                    if family_of(variant) == "transformer"
                    else None,
                    "peak_memory_bytes": 50_000_000 + size,
                    "cold_start_ms": 300.0 + p50,
                }
            )
    return rows, details


def comparison(variant, other):
    """Return a paired test between two variants, None of a variant with itself."""
    if other is None or other == variant:
        return None
    difference = (VARIANTS[variant][0] - VARIANTS[other][0]) / 200
    return {
        "variant": other,
        "accuracy_difference": difference,
        "accuracy_low": difference - 0.03,
        "accuracy_high": difference + 0.03,
        "macro_f1_difference": difference,
        "macro_f1_low": difference - 0.03,
        "macro_f1_high": difference + 0.03,
        "macro_f1_p": 0.2,
        "only_this_right": 4,
        "only_other_right": 9,
        "mcnemar_p": 0.01 if abs(difference) > 0.03 else 0.3,
        "mcnemar_p_holm": 0.04 if abs(difference) > 0.03 else 0.9,
        "macro_f1_p_holm": 0.6,
        "macro_f1_shown": False,
        "shown": abs(difference) > 0.03,
    }


def statistics():
    """Return the content of results/statistics/<data set>.json."""
    variants = {}
    for variant, (right, *_rest) in VARIANTS.items():
        accuracy = right / 200
        scores = {
            name: {
                "mean": value,
                "sd": 0.0070710678,
                "low": value - 0.04,
                "high": value + 0.04,
                "by_seed": [value + 0.005, value - 0.005],
            }
            for name, value in (
                ("accuracy", accuracy),
                ("macro_f1", accuracy - 0.02),
                ("micro_f1", accuracy),
            )
        }
        teacher = root_of(variant)
        variants[variant] = {
            "teacher": teacher,
            "seeds": [1, 2],
            **scores,
            "class_f1": {label: {"mean": 0.85, "low": 0.78, "high": 0.91} for label in LABELS},
            "ece": 0.034,
            "reliability": {
                "low": [0.4, 0.8],
                "high": [0.6, 1.0],
                "count": [80, 320],
                "confidence": [0.5, 0.93],
                "accuracy": [0.45, 0.95],
            },
            "agreement": {"mean": 0.955, "low": 0.92, "high": 0.98} if teacher else None,
            "against": {
                "teacher": comparison(variant, teacher),
                "linear": comparison(variant, "linear"),
                "reference": comparison(variant, "teacher"),
            },
            "noise": [
                {
                    "noise": share,
                    "accuracy": accuracy - 2 * share,
                    "accuracy_low": accuracy - 2 * share - 0.04,
                    "accuracy_high": accuracy - 2 * share + 0.04,
                    "macro_f1": accuracy - 2 * share - 0.02,
                }
                for share in NOISE
            ],
        }
    return {
        "task": "single",
        "judge_by": "accuracy",
        "resamples": 10000,
        "n_test": 200,
        "n_validation": 100,
        "linear": "linear",
        "reference": "teacher",
        "noise": list(NOISE),
        "variants": variants,
        "texts": {
            "n": {"train": 1000, "validation": 100, "test": 200},
            "shared": {
                kind: {
                    "test_in_train": 11,
                    "test_in_validation": 0,
                    "test_in_train_or_validation": 11,
                    "validation_in_train": 2,
                }
                for kind in ("exact", "letters")
            },
            "leaked": {
                "labels": len(LABELS),
                "variants": {
                    variant: {
                        "accuracy": [0.97, 0.91],
                        "macro_f1": [0.96, 0.9],
                        "macro_f1_of_all": [0.96, 0.9],
                    }
                    for variant in variants
                },
            },
            "without": {"train": [], "validation": [], "test": []},
            "cut": {
                variant: {
                    "max_length": None if variant.startswith("linear") else 64,
                    "unit": "tokens",
                    "shares": dict.fromkeys(PARTS, 0.0 if variant.startswith("linear") else 0.08),
                }
                for variant in variants
            },
        },
    }


def timing():
    """Return the content of results/timing/<data set>.json, of whose rows only the references' stand here."""
    reference = {
        "variant": "teacher",
        "seed": 1,
        "runtime": "pytorch",
        "threads": 1,
        "latency_ms_p50": 24.0,
        "latency_ms_p95": 30.0,
        "throughput": 100.0,
    }
    return {
        "environment": {
            "cpu": "Some CPU @ 2.0 GHz",
            "cpu_flags": ["sse", "avx2"],
            "x64quantprecision": "1",
            "threads": [1, 2],
            "rounds": 20,
            "texts": 64,
            "batch_size": 16,
            "cold_starts": 3,
            "openvino": False,
            "versions": {"python": "3.12.1", "onnxruntime": "1.30.0"},
        },
        "spread": {"1": SPREAD, "2": 2 * SPREAD},
        "rows": [reference, {**reference, "threads": 2, "latency_ms_p50": 13.0}],
        "processes": [],
    }


def card(name):
    repeats = {
        "rows": 1200,
        "exact_duplicates": 3,
        "contradicting_texts": 1,
        "letters_only_duplicates": 4,
        "letters_only_contradicting_texts": 2,
    }
    leaks = {
        "test_in_train": 11,
        "test_in_validation": 0,
        "test_in_train_or_validation": 11,
        "validation_in_train": 0,
    }
    by_letters = leaks | {"test_in_train_or_validation": 15}
    return {
        "dataset": name,
        "licence": "MIT | <b>",
        "licence_url": "https://example.org/licence",
        "citation": "A. Author, *A title*",
        "split": {"method": "clean", "seed": 42},
        "notes": [NOTE],
        "raw": repeats | {"dropped": 5},
        "texts": dict.fromkeys(PARTS, 600),
        "counts": {part: dict.fromkeys(LABELS, 200) for part in PARTS},
        "label_shares": {part: dict.fromkeys(LABELS, 0.3333) for part in PARTS},
        "lengths": {
            "words": {"median": 15.0, "p95": 42.0, "max": 181},
            "characters": {"median": 80.0, "p95": 200.0, "max": 900},
        },
        "duplicates": dict.fromkeys([*PARTS, "all"], repeats),
        "leakage": {"exact": leaks, "letters_only": by_letters},
    }


def study():
    """Return every result of the study, by the names of `view.Results`."""
    found = {name: rows_by_seed(name) for name in ("demo-en", "real")}
    numbers = {name: statistics() for name in found}
    seeds = pd.DataFrame([row for rows, _ in found.values() for row in rows])
    summary = summarise(seeds, numbers, dict.fromkeys(found, SPREAD))
    return {
        "summary": summary,
        "details": {name: details for name, (_, details) in found.items()},
        "statistics": numbers,
        "recommendation": {
            name: recommend(rows.set_index("variant"), budgets=BUDGETS, reference="teacher")
            for name, rows in summary.groupby("dataset", sort=False)
        },
        "timing": {name: timing() for name in found},
        "cards": {name: card(name) for name in found},
    }


def told():
    """Return what the config says, by the names of `dataset_view.Config`."""
    entry = {"labels": LABELS, "language": "en", "split": {"method": "clean"}}
    return {
        "datasets": {
            "demo-en": {**entry, "title": "Demo | <i>English</i>", "demo": True},
            "real": {**entry, "title": "Real texts", "demo": False},
        },
        "models": MODELS,
        "passes": PASSES,
        "study": {
            "name": "trial",
            "seeds": [1, 2],
            "config_files": ["config/config.yaml"],
            "config_text": "name: trial",
            "command": "snakemake --cores 4 report",
        },
        "published": {"sources": {}, "rows": []},
        "corresponding": {},
    }
