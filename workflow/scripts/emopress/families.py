"""The one table of model families: what trains, distils and exports a model of each, its cost and its look.

To add a family: its room, its entry type in `emopress.entries`, its row here, its test.
"""

from dataclasses import dataclass, replace

from emopress.passes import SPLITS, Cost, Job, Look

ON_SEVERAL_GPUS = Cost(mem_mb=8000, runtime=1440, threads=2, gpu=True, several_gpus=True)


@dataclass(frozen=True)
class Family:
    """A family of models. `distill`: how another model is distilled into one of it, None if none can be."""

    train: Job
    export: Job
    distill: Job | None
    look: Look


def _distill(rule: str, train: Job) -> Job:
    """Return the job that distils into a model: that of its training, with its teachers' logits."""
    inputs = (*train.inputs, "teacher_logits")
    return Job(rule, train.maker, "distil", train.cost, inputs)


FINETUNE = Job(
    rule="finetune",
    maker="emopress.train.finetune:finetune",
    doing="fine-tune",
    cost=ON_SEVERAL_GPUS,
    inputs=(*SPLITS, "pretrained"),
    cached=True,
)
TRAIN_DENSE = Job(
    rule="train_dense",
    maker="emopress.dense.train:train_dense",
    doing="train",
    cost=Cost(mem_mb=4000, runtime=240, gpu=True),
    inputs=(*SPLITS, "vectors"),
    cached=True,
)
TRAIN_LSTM = Job(
    rule="train_lstm",
    maker="emopress.lstm.train:train_lstm",
    doing="train",
    cost=Cost(mem_mb=4000, runtime=720, gpu=True),
    inputs=(*SPLITS, "pretrained"),
    cached=True,
)
FAMILIES = {
    "transformer": Family(
        train=FINETUNE,
        export=Job(
            rule="export",
            maker="emopress.bundle.export:export",
            doing="export",
            cost=Cost(mem_mb=6000, runtime=60),
        ),
        distill=_distill("distill", FINETUNE),
        look=Look("#000000", "o", "none: transformer"),
    ),
    "linear": Family(
        train=Job(
            rule="train_linear",
            maker="emopress.linear.train:train_linear",
            doing="train",
            cost=Cost(mem_mb=4000, runtime=60),
            inputs=SPLITS,
            cached=True,
        ),
        export=Job(
            rule="export_linear",
            maker="emopress.linear.export:export_linear",
            doing="export",
            cost=Cost(mem_mb=1000, runtime=30),
        ),
        distill=None,
        look=Look("#999999", "s", "none: linear model"),
    ),
    "dense": Family(
        train=TRAIN_DENSE,
        export=Job(
            rule="export_dense",
            maker="emopress.dense.export:export_dense",
            doing="export",
            cost=Cost(mem_mb=1000, runtime=30),
        ),
        distill=_distill("distill_dense", TRAIN_DENSE),
        look=Look("#8A8A8A", "h", "none: word vectors, dense layers"),
    ),
    "lstm": Family(
        train=TRAIN_LSTM,
        export=Job(
            rule="export_lstm",
            maker="emopress.lstm.export:export_lstm",
            doing="export",
            cost=Cost(mem_mb=2000, runtime=30),
        ),
        distill=_distill(
            "distill_lstm", replace(TRAIN_LSTM, cost=replace(TRAIN_LSTM.cost, threads=2))
        ),
        look=Look("#6B6B6B", "8", "none: LSTM"),
    ),
}
