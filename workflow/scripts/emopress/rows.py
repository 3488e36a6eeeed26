"""What a row of the tables of passes and families is made of: a job and its cost, a look, a sort of pass."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a job takes: main memory and minutes, threads, and whether it trains on a GPU (or on several at once)."""

    mem_mb: int
    runtime: int
    threads: int = 1
    gpu: bool = False
    several_gpus: bool = False


@dataclass(frozen=True)
class Job:
    """A rule: the function that makes its output ("module:function"), the verb of its message, its cost.

    `takes` is what the maker takes beside its `step` (and `seed`, `threads` and `out`, which it has anyway): names
    of splits; `teacher_logits`; `pretrained` (what a model starts from, checkpoint or tokenizer or both); `vectors`;
    `data` (what a model knows of its data set); `device`. `cached`: the shared cache keeps what it makes.
    `environment`: its conda environment, a file of envs/.
    """

    maker: str
    doing: str
    cost: Cost
    takes: tuple[str, ...] = ()
    cached: bool = False
    environment: str = "emopress"
    rule_name: str = ""

    @property
    def rule(self) -> str:
        """The name of the rule."""
        return self.rule_name or self.maker.partition(":")[2]


@dataclass(frozen=True)
class Look:
    """How figures draw a sort: its colour, its marker and its words in the legend."""

    colour: str
    marker: str
    words: str


@dataclass(frozen=True)
class Pass:
    """A sort of pass: what it may be applied to, what it leaves, and how it is made, drawn and described."""

    reads: str  # checkpoint, fp32 bundle, or onnx bundle (fp32 or quantized)
    leaves: str  # checkpoint, quantized bundle or final bundle
    job: Job | None  # None: the job is that of the student's family (`emopress.families`)
    look: Look
    does: str  # one sentence without its subject, for reports and cards
    families: tuple[str, ...] = ("transformer",)
    not_after: tuple[str, ...] = ()  # sorts whose work it would undo or cannot read
    why_not: str = ""
    needs: str = ""  # a sort that must have come before
    decoders: bool = True  # whether it knows the layers of decoders too
    large: bool = False  # whether it takes models with runtime: transformers
    export: Job | None = None  # of what it leaves, where that is not its family's
