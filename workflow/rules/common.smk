# Where things lie, and what more than one file of rules looks up.

import re

from emopress import recipe
from emopress.jobs import code as closure
from emopress.runtime.bundle import RUNTIMES as BUNDLE_RUNTIMES
from emopress.study.memory_plan import prediction_mb, training_mb
from emopress.study.places import (
    bundle_of,
    checkpoint_of,
    cross_entropy_of,
    cut_of,
    logits_of,
    predictions_of,
    pretrained_inputs,
    spans_logits_of,
    spans_of,
    timed,
    vectors_inputs,
)
from emopress.study.small import is_small, small_models


def context_of(wildcards, resources):
    """Return `params.context`; since this takes `resources`, another context makes nothing again."""
    return CONTEXT


# Of --resources gpu=N: how many a training run takes that can use several, and how many any other takes.
# None instead of 0, which some executors read as a request.
GPUS = CONTEXT.gpus or None
GPU = GPUS and 1
# All GPUs of one training run are on one node. None: a scheduler decides.
NODES = 1 if (GPUS or 1) > 1 else None
# A training run on several GPUs has a process for each, which needs a thread and memory for its own model.
TRAINING_THREADS, PROCESSES = max(2, GPUS or 1), GPUS or 1


# Jobs that measure time take all cores, so that nothing runs beside them. The engines use timing.threads of them.
TIMING_THREADS = max([CONTEXT.cores, *(n for n in STUDY.timing.threads if n != "all")])


# Models of which two at a time, a thread each, are trained sooner than one after the other.
SMALL = small_models(STUDY)


def variant_made(wildcards):
    """Return the variant that a job of a model or a pass makes."""
    return wildcards.get("model") or f"{wildcards.parent}+{wildcards.step}"


def fewer_threads(threads, variant_of):
    """Return how many threads a job takes: `threads`, but one where `variant_of` its wildcards is a small model."""
    if threads == 1:
        return 1
    return lambda wildcards: (
        1 if is_small(STUDY, SMALL, variant_of(wildcards)) else threads
    )


def here(path):
    """Return a path of this project relative to the working folder: moving both reruns nothing."""
    return os.path.relpath(ROOT / path)


def code_of(*sources, named=None):
    """Return the input `code` of a rule, the file that stands for the code that its job runs (`jobs.code.code_of`).

    `sources` are its makers ("emopress.compress.trim:trim"), or the name of its script. The Snakemake
    that the user started brings the file up to date, before it looks which files are there.
    """
    if workflow.is_main_process:
        closure.write_stamp(*sources, named=named)
    return closure.stamp_path(*sources, named=named).as_posix()


def predicting_code_of(*sources):
    """Return the input `code` of a rule that predicts with a bundle: of the runtimes it holds that bundle's alone."""
    stamps = {None: code_of(*sources)}
    for name, runtime in BUNDLE_RUNTIMES.items():
        stamps[name] = code_of(*sources, named=[runtime])
    return lambda wildcards: stamps[STUDY.runtime_of(wildcards.variant)]


def any_of(names):
    """Return a regular expression for one of these names; one that never matches for none."""
    return "|".join(re.escape(name) for name in names) or "(?!x)x"


TRANSFORMERS = STUDY.model_names("transformer")
LSTMS = STUDY.model_names("lstm")
GENERATIVES = [name for name in LSTMS if STUDY.generative(name)]
# Passes that leave a checkpoint; of those that leave bundles, few can be followed by another pass.
TRAINED = STUDY.pass_names(*recipe.leaving("checkpoint"))
QUANTIZED = STUDY.pass_names(*recipe.leaving("quantized bundle"))
# Passes whose result is the same model, not a student.
SAME_MODEL = [name for name, entry in STUDY.passes.items() if not entry.get("student")]
# Regular expressions for variants whose checkpoints and bundles a pass can be applied to.
CHAIN = rf"({any_of(STUDY.models)})(\+({any_of(TRAINED)}))*"
ANY_CHAIN = rf"{CHAIN}(\+({any_of(QUANTIZED)}))?"
# Jobs that may open a bundle of the OpenVINO runtime need its packages.
ENVIRONMENT = "../../envs/emopress.yaml"
RUNTIMES = "../../envs/openvino.yaml" if STUDY.pass_names("openvino") else ENVIRONMENT


def ending_in(family):
    """Return the regular expression for variants with a checkpoint of a model of this family.

    The last pass that trained a new model decides.
    """
    models = any_of(STUDY.model_names(family))
    into = any_of(STUDY.trained_into(family))
    same = any_of(name for name in TRAINED if name in SAME_MODEL)
    return rf"(({models})|{CHAIN}\+({into}))(\+({same}))*"


wildcard_constraints:
    dataset=any_of(STUDY.datasets),
    seed=r"\d+",
    model=any_of(STUDY.models),
    step=any_of(STUDY.passes),
    parent=CHAIN,
    variant=rf"({any_of(STUDY.models)})(\+({any_of(STUDY.passes)}))*",


def legal_parent(wildcards):
    """Return the parent of what a pass makes; one line if it was asked for by path and cannot be made."""
    variant = f"{wildcards.parent}+{wildcards.step}"
    for problem in recipe.problems(variant, STUDY.models, STUDY.passes):
        raise WorkflowError(f"variant {variant!r}: {problem}")
    return wildcards.parent


def memory(mb, processes=1):
    """Return the resource mem_mb of a rule: `mb` MB (or what it returns for the wildcards) times the attempt.

    Each of `processes` takes that much. A scheduler kills a job that takes more than it asked for; with
    `retries` the next attempt asks for more.
    """
    if callable(mb):
        return lambda wildcards, attempt: mb(wildcards) * processes * attempt
    return lambda wildcards, attempt: mb * processes * attempt


def prediction_gpu(wildcards):
    """Return how many GPUs predicting with a variant takes: only large decoders take any."""
    return GPU if STUDY.is_large(wildcards.variant) else None


def prediction_device(wildcards):
    """Return where a variant predicts: large decoders where training runs, all others on the CPU."""
    return STUDY.device if STUDY.is_large(wildcards.variant) else "cpu"


def judge_params(dataset):
    """Return what decides between the variants of a data set: its task and the metric's key."""
    return [STUDY.judges[dataset].task, STUDY.judges[dataset].key]
