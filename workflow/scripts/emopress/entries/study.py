"""A whole config: the study, its data sets, models and passes, and how it is evaluated."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Tag, TypeAdapter

from emopress.entries.adapt import Adapt
from emopress.entries.base import Distinct, Entry, FreeText, Name, Text, by_type
from emopress.entries.budget import Budget, Search
from emopress.entries.conv import Conv, ConvStudent
from emopress.entries.convert import OpenVino, Pack
from emopress.entries.data import DataSet
from emopress.entries.dense import Dense, DenseStudent
from emopress.entries.distill import Distill
from emopress.entries.linear import Linear
from emopress.entries.low_rank import LowRank
from emopress.entries.lstm import Lstm, LstmStudent
from emopress.entries.prune import Prune
from emopress.entries.qat import Qat
from emopress.entries.quantize import Quantization
from emopress.entries.transformer import Transformer, TransformerStudent
from emopress.entries.trim import Trim

Model = Annotated[Transformer | Linear | Dense | Lstm | Conv, Field(discriminator="family")]
Student = Annotated[
    TransformerStudent | DenseStudent | LstmStudent | ConvStudent, Field(discriminator="family")
]
Pass = Annotated[
    Trim | Distill | Prune | LowRank | Adapt | Qat | Quantization | OpenVino | Pack | Search,
    Field(discriminator="kind"),
]
Metric = Literal["accuracy", "macro_f1", "micro_f1", "sample_f1", "jaccard", "subset_accuracy"]
Mirror = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[list[Text], Tag("<list>")],
    by_type("text or a list"),
]
Threads = Annotated[
    Annotated[int, Field(ge=1, le=256), Tag("<number>")] | Annotated[Literal["all"], Tag("<text>")],
    by_type("a whole number or all", "all"),
]


class Published(Entry):
    """The row of a publication that a variant corresponds to."""

    row: Text
    """Id of a row of config/published.yaml."""
    differs: FreeText
    """In a few words, what this run does differently from the publication: model, data, settings."""


class Block(Entry):
    """What is made of one data set."""

    dataset: Text
    """Name of an entry of datasets."""
    reference: Text | None = None
    """Variant that compression and speedup of this data set's table refer to. Default: the model that a variant starts
    from; for one that starts from a linear, dense, lstm or conv model, the first transformer of the
    list."""
    judge_by: Metric | None = None
    """The metric that decides between the variants of this data set: budgets, searches, verdicts and figures use it,
    and macro F1 is shown beside it. With one label per text: accuracy or macro_f1. With several (multilabel): macro_f1,
    micro_f1, sample_f1, jaccard (the last two are means over the texts) or subset_accuracy (whole sets right); then the
    thresholds of the labels are tuned for it as well, so another one trains anew. Default: accuracy with one label per
    text, macro_f1 with several."""
    variants: Distinct[Text] = Field(min_length=1)
    """Recipes: a model, then passes joined by +, in the order in which they are applied."""
    published: dict[str, Published] = Field(default_factory=dict)
    """Rows of config/published.yaml that variants correspond to: variant -> row. The report shows published, reproduced
    and difference side by side."""


class Evaluate(Entry):
    """How predictions are made."""

    batch_size: int = Field(1, ge=1, le=1024)
    """Texts per call of the model. A phone or kiosk predicts 1 at a time; dynamic int8 shares one activation range per
    batch, so its predictions can depend on it."""
    noise: Distinct[Annotated[float, Field(gt=0, le=1)]] = Field([0.05, 0.1, 0.2])
    """Shares of characters (grapheme clusters) of the test texts that are deleted, swapped, replaced or inserted,
    seeded; every bundle is evaluated on the same noisy texts too. []: none."""


class Statistics(Entry):
    """Intervals and tests of the report."""

    resamples: int = Field(10000, ge=1000, le=1000000)
    """Bootstrap resamples per interval, stratified by label (with multilabel not stratified)."""
    flips: int = Field(20, ge=0, le=10000)
    """Number of texts per variant in results/flips/<dataset>.csv: the most confident of those that it and its teacher
    label differently."""


class Timing(Entry):
    """How latency and throughput are measured."""

    threads: Distinct[Threads] = Field([1, "all"], min_length=1, max_length=2)
    """Numbers of threads to time with; all: every core that snakemake may use. The main table shows the first; a second
    one is timed and shown beside it."""
    rounds: int = Field(5, ge=1, le=1000)
    """Interleaved rounds: in each, every bundle is loaded, warmed up and timed once."""
    texts: int = Field(40, ge=1, le=100000)
    """Test texts timed per round at batch 1, drawn once with a fixed seed."""
    warmup: int = Field(40, ge=0, le=10000)
    """Texts predicted before the clock starts, per round and bundle: the first of those that are timed. OpenVINO
    compiles for each text length when it first occurs, so set this to `texts`."""
    batch_size: int = Field(32, ge=1, le=4096)
    """Texts per call when throughput is measured."""
    pytorch: bool = True
    """Also time each reference teacher in PyTorch fp32 eager, which is what the papers time."""
    openvino: bool = True
    """Also time each reference teacher's fp32 graph in OpenVINO, where that extra is installed."""
    cold_starts: int = Field(3, ge=0, le=100)
    """Fresh processes per bundle that load it and predict one text: cold-start time and peak memory. 0: not measured.
    """


def usual_budgets() -> dict[str, Budget]:
    """Return the budgets of a study that has none of its own."""
    return {
        "smallest": Budget(max_loss=1.0, prefer="size"),
        "fastest": Budget(max_loss=1.0, prefer="latency"),
        "best-score": Budget(prefer="score"),
    }


class Config(Entry):
    """One file is one whole study. Only what the command line gives is merged into it."""

    name: Name
    """Name of the study; heads the report."""
    description: str = ""
    """A sentence for the report's opening."""
    mirror: Mirror = Field(default_factory=list)
    """Folder, or list of folders, to read data and checkpoints from instead of the network: DIR/<dataset>/<file>,
    DIR/models/<model>/, DIR/tokenizers/<name>/, DIR/vectors/<file>. Data files are still checked by sha256, checkpoints
    where sha256 is given. Usually given as --config mirror=DIR."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where training runs. auto: the first CUDA device, else the CPU. Evaluation uses the CPU, except for bundles with
    the runtime transformers; timing always uses the CPU."""
    gpus: int = Field(1, ge=1, le=64)
    """GPUs of one machine that fine-tuning, distillation from logits and training adapters of a transformer use at
    once, with a process for each (accelerate launch). Any other training run uses one. On one machine call snakemake
    with --resources gpu=N, N being at least this number; under Slurm each of these jobs requests this number. Where
    device: auto finds none, a job is one process on the CPU. Changing it reruns nothing."""
    tracking: Literal["none", "tensorboard", "wandb", "mlflow"] = "none"
    """Also send the losses and scores of every training run to this tracker, below results/tracking/ unless the
    tracker's environment variables say otherwise; its package must be installed. training.json has them either way.
    Changing it reruns nothing."""
    seeds: Distinct[Annotated[int, Field(ge=0, le=999999)]] = Field(min_length=1)
    """Seeds; every variant is made once per seed."""
    study: list[Block] = Field(min_length=1)
    """What is made: for each data set, its variants."""
    budgets: dict[Name, Budget] = Field(default_factory=usual_budgets, min_length=1)
    """What a user can afford, by name; for each the report recommends one variant per data set, chosen on validation.
    The first heads the report. Default: smallest and fastest, which may lose 1 point, and best-score."""
    datasets: dict[Name, DataSet] = Field(default_factory=dict)
    """Data sets by name, added to those of config/datasets.yaml; keys given for one of these replace its own. Names of
    other things in results/ (flips, statistics, summary.csv) are not allowed."""
    models: dict[Name, Model]
    """Models by name: teachers, students and baselines."""
    passes: dict[Name, Pass]
    """Compression passes by name."""
    evaluate: Evaluate = Field(default_factory=Evaluate)
    """How predictions are made."""
    statistics: Statistics = Field(default_factory=Statistics)
    """Intervals and tests of the report."""
    timing: Timing = Field(default_factory=Timing)
    """How latency and throughput are measured."""


MODEL: TypeAdapter[Model] = TypeAdapter(Model, config=ConfigDict(defer_build=True))
STUDENT: TypeAdapter[Student] = TypeAdapter(Student, config=ConfigDict(defer_build=True))
PASS: TypeAdapter[Pass] = TypeAdapter(Pass, config=ConfigDict(defer_build=True))


def model_entry(given: Mapping[str, Any]) -> Model:
    """Return the typed entry of a model that is given as plain values, its name aside."""
    return MODEL.validate_python(_nameless(given))


def student_entry(given: Mapping[str, Any]) -> Student:
    """Return the typed entry of a distillation's student, which is given as plain values, its name aside."""
    return STUDENT.validate_python(_nameless(given))


def pass_entry(given: Mapping[str, Any]) -> Pass:
    """Return the typed entry of a pass that is given as plain values, its name aside."""
    return PASS.validate_python(_nameless(given))


def _nameless(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != "name"}
