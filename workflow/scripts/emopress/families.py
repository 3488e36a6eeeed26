"""The one table of model families: what trains, distils and exports a model of each, its cost and its look.

To add a family: its room, its entry type in `emopress.entries`, its row here, its test.
"""

from dataclasses import dataclass, replace

from emopress.passes import PASSES, TRAINING
from emopress.rows import Cost, Job, Look, Pass

ON_SEVERAL_GPUS = Cost(mem_mb=8000, runtime=1440, threads=2, gpu=True, several_gpus=True)


@dataclass(frozen=True)
class Family:
    """A family of models, and the runtime that its exported bundles name.

    `distill`: how another model is distilled into one of it, None if none can be. `out_of_fold`: how a teacher of it
    labels joined spans of its training texts without having seen them; None where its bundle labels them.
    """

    train: Job
    export: Job
    distill: Job | None
    look: Look
    runtime: str = "onnxruntime"
    out_of_fold: Job | None = None


def _distill(rule: str, train: Job, threads: int) -> Job:
    """Return the job that distils into a model: as it is trained, with the logits of teachers."""
    return replace(
        train,
        doing="distil",
        cost=replace(train.cost, threads=threads),
        takes=(*train.takes, "teacher_logits"),
        cached=False,
        rule_name=rule,
    )


FINETUNE = Job(
    "emopress.train.finetune:finetune",
    "fine-tune",
    ON_SEVERAL_GPUS,
    takes=(*TRAINING, "data", "pretrained"),
    cached=True,
)
TRAIN_DENSE = Job(
    "emopress.dense.train:train_dense",
    "train",
    Cost(mem_mb=4000, runtime=240, gpu=True),
    takes=(*TRAINING, "data", "vectors"),
    cached=True,
)
TRAIN_LSTM = Job(
    "emopress.lstm.train:train_lstm",
    "train",
    Cost(mem_mb=4000, runtime=720, gpu=True),
    takes=(*TRAINING, "data", "pretrained"),
    cached=True,
)
TRAIN_CONV = Job(
    "emopress.conv.train:train_conv",
    "train",
    Cost(mem_mb=4000, runtime=240, gpu=True),
    takes=(*TRAINING, "data", "pretrained"),
    cached=True,
)
FAMILIES = {
    "transformer": Family(
        train=FINETUNE,
        export=Job("emopress.bundle.export:export", "export", Cost(mem_mb=6000, runtime=60)),
        distill=_distill("distill", FINETUNE, threads=2),
        look=Look("#000000", "o", "none: transformer"),
    ),
    "linear": Family(
        train=Job(
            "emopress.linear.train:train_linear",
            "train",
            Cost(mem_mb=4000, runtime=60),
            takes=("train", "validation", "data"),
            cached=True,
        ),
        export=Job("emopress.linear.export:export_linear", "export", Cost(mem_mb=1000, runtime=30)),
        distill=None,
        look=Look("#999999", "s", "none: linear model"),
        runtime="linear",
        out_of_fold=Job(
            "emopress.linear.out_of_fold:out_of_fold_logits",
            "label joined spans with",
            Cost(mem_mb=4000, runtime=240),
            takes=("train", "validation", "data"),
            cached=True,
        ),
    ),
    "dense": Family(
        train=TRAIN_DENSE,
        export=Job("emopress.dense.export:export_dense", "export", Cost(mem_mb=1000, runtime=30)),
        distill=_distill("distill_dense", TRAIN_DENSE, threads=1),
        look=Look("#8A8A8A", "h", "none: word vectors, dense layers"),
        runtime="dense",
    ),
    "lstm": Family(
        train=TRAIN_LSTM,
        export=Job("emopress.lstm.export:export_lstm", "export", Cost(mem_mb=2000, runtime=30)),
        distill=_distill("distill_lstm", TRAIN_LSTM, threads=2),
        look=Look("#6B6B6B", "8", "none: LSTM"),
    ),
    "conv": Family(
        train=TRAIN_CONV,
        export=Job("emopress.conv.export:export_conv", "export", Cost(mem_mb=2000, runtime=30)),
        distill=_distill("distill_conv", TRAIN_CONV, threads=1),
        look=Look("#7A7A7A", "p", "none: convolutions"),
        runtime="conv",
    ),
}


def pass_jobs() -> list[tuple[Job, Pass]]:
    """Return every job that makes passes once, with one of its rows.

    Rows that share a job differ in what their sort does, not in what it reads and leaves.
    """
    jobs: dict[str, tuple[Job, Pass]] = {}
    distill = [row.distill for row in FAMILIES.values() if row.distill]
    for row in PASSES.values():
        for job in [row.job] if row.job else distill:
            jobs.setdefault(job.rule, (job, row))
    return list(jobs.values())
