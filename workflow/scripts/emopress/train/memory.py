"""The memory that training a transformer takes, from its shape: weights, gradients, optimizer, activations."""

from dataclasses import dataclass

from emopress.train.sizes import EVALUATION_BATCH, Shape

FP32, BF16, ADAM = 4, 2, 8  # bytes a number; Adam keeps two moments in fp32
# Bits a weight in NF4 blocks of 64: 4, and 8 / 64 + 32 / (64 * 256) for its scales (QLoRA, section 3).
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
GB = 10**9


def layer_weights(shape: Shape) -> int:
    """Return the weights of the linear layers of all layers."""
    return shape.layers * sum(rows * columns for rows, columns in shape.linears.values())


def other_parameters(shape: Shape, labels: int) -> int:
    """Return the other parameters: embeddings of words, norms, biases, head.

    An encoder's embeddings of positions are left out, less than a hundredth of it; of its heads the
    largest is taken, a square layer before the output.
    """
    width = shape.width
    words = shape.vocabulary * width
    if shape.decoder:  # two norms a layer and one at the end, scales only; a head without bias
        return words + (2 * shape.layers + 1) * width + labels * width
    biases = sum(outputs for _, outputs in shape.linears.values())
    norms = 2 * width * (2 * shape.layers + 1)
    return words + shape.layers * biases + norms + width * (width + 1) + labels * (width + 1)


def adapter_parameters(shape: Shape, *, rank: int, targets: list[str]) -> int:
    """Return the numbers of A [rank, in] and B [out, rank] of all targets; no targets: every layer.

    Names that are not a decoder's are taken for all of the layers, which is too much rather than too
    little.
    """
    return shape.layers * rank * sum(sum(sides) for sides in adapted_layers(shape, targets))


def adapted_layers(shape: Shape, targets: list[str]) -> list[tuple[int, int]]:
    """Return (inputs, outputs) of the linear layers of one layer that get adapters."""
    named = [sides for name, sides in shape.linears.items() if name in targets]
    return named or list(shape.linears.values())


def activation_bytes(
    shape: Shape,
    *,
    batch: int,
    tokens: int,
    size: int,
    checkpointing: bool,
    adapted: list[str] | None,
) -> float:
    """Return the bytes that the backward pass needs of a batch [batch, tokens].

    For an encoder and `size` 2 that is s b h (34 + 5 a s / h) a layer where ffn is 4 h, and 2 s b h
    with checkpointing, plus the one layer that is computed again (Korthikanti et al. 2022, Reducing
    activation recomputation in large transformer models, equations 1 and 2 and section 5). Its terms are
    taken one by one here, so that heads of keys and values, a gated network and the absence of
    dropout count as they are; `size` is the bytes of a number, a dropout mask takes one. `adapted`
    (None: no adapters): what their dropout adds for each target's input.
    """
    s, b, h, f, a = tokens, batch, shape.width, shape.ffn, shape.heads
    queries, values = a * shape.head_size, shape.kv_heads * shape.head_size
    attention = size * s * b * (h + queries + 2 * values + queries)
    if shape.decoder:
        scores = size * a * s * s * b
        network = size * s * b * (h + 4 * f)
        masks = 0
    else:
        scores = (2 * size + 1) * a * s * s * b
        network = size * s * b * (h + 2 * f)
        masks = 2 * s * b * h
    # An RMSNorm computes in fp32 and keeps its input so; if it has weights to train, what it scales too.
    norms = (
        2 * s * b * h * (size if not shape.decoder else FP32 if adapted is not None else 2 * FP32)
    )
    layer = attention + scores + network + masks + norms
    if adapted is not None:
        layer += (size + 1) * s * b * sum(sides[0] for sides in adapted_layers(shape, adapted))
    if checkpointing:
        return size * s * b * h * shape.layers + layer
    return layer * shape.layers


def evaluation_bytes(
    shape: Shape, *, tokens: int, size: int, adapted: list[str] | None = None
) -> float:
    """Return the bytes of one layer's forward pass on a batch of validation texts, which keeps nothing.

    Taken for its largest moment: input, residual and all of the network's inner vectors, without scores.
    No autocast is on then, so `size` is that of the weights. `adapted`: adapters compute in fp32, their
    input, B A x and the sum with W x too; the widest target counts.
    """
    inner = (4 if shape.decoder else 2) * shape.ffn
    per_token = size * (2 * shape.width + inner)
    if adapted is not None:
        per_token += FP32 * max(
            rows + 2 * columns for rows, columns in adapted_layers(shape, adapted)
        )
    return tokens * EVALUATION_BATCH * per_token


@dataclass(frozen=True)
class Memory:
    """Bytes of each kind that a training run holds at its peak; `activations`: those of a step, or of validation.

    Not counted: the CUDA context (about half a GB), the libraries' workspaces, fragmentation.
    """

    parameters: int
    weights: float
    trained: int
    adapters: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        """The sum, bytes."""
        return self.weights + self.adapters + self.gradients + self.optimizer + self.activations


def training_memory(
    shape: Shape,
    *,
    labels: int,
    batch: int,
    tokens: int,
    bf16: bool,
    checkpointing: bool,
    method: str = "full",
    rank: int = 0,
    targets: list[str] | None = None,
    kept_in_bf16: bool = False,
) -> Memory:
    """Return the memory of training a classifier of `shape` on batches [batch, tokens].

    method `full`: weights, gradients and Adam's moments in fp32, and under bf16 autocast a bf16 copy
    of the layers' weights. `lora`: these hold for adapters and head only, the base is frozen, in bf16 if
    `kept_in_bf16`. `qlora`: the layers' weights in NF4 (NF4_BITS), the rest as for lora. All in bytes.
    """
    inner, outer = layer_weights(shape), other_parameters(shape, labels)
    head = labels * shape.width
    base = BF16 if kept_in_bf16 and bf16 else FP32
    copies = BF16 * inner if bf16 and base == FP32 and method != "qlora" else 0
    if method == "full":
        trained, adapters, weights = inner + outer, 0, float(FP32 * (inner + outer) + copies)
    else:
        adapters = head + adapter_parameters(shape, rank=rank, targets=targets or [])
        trained = adapters
        stored = NF4_BITS / 8 if method == "qlora" else base
        weights = stored * inner + base * outer + copies
    size = BF16 if bf16 else FP32
    step = activation_bytes(
        shape,
        batch=batch,
        tokens=tokens,
        size=size,
        checkpointing=checkpointing,
        adapted=None if method == "full" else targets or [],
    )
    judged = evaluation_bytes(
        shape, tokens=tokens, size=base, adapted=None if method == "full" else targets or []
    )
    activations = max(step, judged)
    return Memory(
        parameters=inner + outer,
        weights=weights,
        trained=trained,
        adapters=FP32 * adapters,
        gradients=FP32 * trained,
        optimizer=ADAM * trained,
        activations=activations,
    )
