"""Post-training quantization: a class per method, and the sample of texts that ranges are found on."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from emopress.entries.base import Distinct, Entry, Fault, Percentile, Text

BlockSize = Literal[16, 32, 64, 128, 256]


class Calibration(Entry):
    """Calibration sample, drawn from the training texts with the variant's seed."""

    texts: int = Field(128, ge=1, le=100000)
    """Training texts in the sample."""
    balanced: bool = False
    """true: the same number of texts from every class, as far as there are enough (class-conditional); false: at random
    (class-unconditional)."""


class StaticCalibration(Calibration):
    """Calibration sample, and how the ranges of activations are found on it."""

    method: Literal["minmax", "percentile", "entropy"] = "minmax"
    """How activation ranges are found: from the smallest to the largest value; by percentile; or where 256 levels lose
    the least information (KL divergence of the values' histogram). No method depends on the order of the texts."""
    percentile: Percentile = 99.99
    """For percentile: share of the values, in %, that lies within the range; each end loses half of the rest
    (symmetric: of the magnitudes)."""


class Quantize(Entry):
    """Keys of every method."""

    kind: Literal["quantize"]
    """Store weights in fewer bits, without training."""


class Int8(Quantize):
    """Keys of both int8 methods."""

    per_channel: bool = True
    """One scale per output channel of a product instead of one per matrix. Embedding tables have one per row in either
    case."""
    reduce_range: bool = False
    """7-bit weights. Only for use in other runtimes: x86 CPUs without VNNI overflow in 8-bit products. On these, and
    only on these, emopress sets session.x64quantprecision when it loads a model, which is exact (and slower than VNNI).
    """
    embeddings: bool = True
    """Store the embedding tables in int8 too, always with one scale per row."""


class Static(Int8):
    """Weights in int8, calibrated activation ranges, as QDQ nodes."""

    method: Literal["static"]
    symmetric: bool = False
    """Activation ranges around zero (unsigned with zero point 128: ONNX Runtime has no fast signed kernels on x86);
    false: from the smallest to the largest value."""
    keep_fp32: Distinct[Text] = Field([])
    """Layers that stay fp32, as patterns of their names: classifier, encoder.layer.0.*, *.attention.*; a module's name
    keeps all layers in it, and a leading bert. may be left out."""
    calibration: StaticCalibration = Field(default_factory=StaticCalibration)
    """Calibration sample, drawn from the training texts with the variant's seed."""


class Dynamic(Int8):
    """Weights in int8; activation ranges are found at run time."""

    method: Literal["dynamic"]


class Blocks(Quantize):
    """Keys of both methods with blocks of 4-bit weights."""

    embeddings: Literal["int4", "int8", "fp32"] = "int4"
    """How the embedding tables are stored: int4, in blocks like the other weights; int8, with one scale per row."""


class Int4(Blocks):
    """Blocks of 4-bit integers with a scale of 16 bits each. Inside a product activations are int8, in blocks too
    (accuracy level 4 of ONNX Runtime's MatMulNBits), which bundle.json says as activation_bits: 8."""

    method: Literal["int4"]
    block_size: BlockSize = 32
    """Number of weights that share a scale."""
    symmetric: bool = True
    """true: codes are symmetric around zero; false: with a zero point per block."""
    rounding: Literal["nearest", "gptq"] = "gptq"
    """How the weights of products are rounded: to the nearest code; or by GPTQ, where the weights of an output that are
    rounded later make up for the errors of those before, on the calibration texts. Embedding tables: to the nearest.
    MiniLM-L6 on emotion's test texts: logits 0.045 of their standard deviation off with gptq, 0.056 with nearest (nf4:
    0.054)."""
    calibration: Calibration = Field(default_factory=Calibration)
    """For gptq: calibration sample, drawn from the training texts with the variant's seed."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the calibration where rounding needs none."""
        if "calibration" in given and given.get("rounding") == "nearest":
            yield "calibration", "with rounding: nearest"


class Nf4(Blocks):
    """Blocks of 4-bit normal floats, QLoRA's format; activations stay fp32 (activation_bits: 32)."""

    method: Literal["nf4"]
    block_size: BlockSize = 64
    """Number of weights that share a scale."""


class Fp16(Quantize):
    """Half precision; faster on engines that compute in fp16. ONNX Runtime computes it in fp32 on a CPU. A weight
    beyond 65504 is an error; bf16 has the range of fp32."""

    method: Literal["fp16"]


class Bf16(Quantize):
    """bfloat16 storage, fp32 arithmetic; an openvino pass computes in bf16."""

    method: Literal["bf16"]


class WeightOnly(Quantize):
    """For linear models: weights in int8, one scale per class; computed in floating point."""

    method: Literal["weight-only"]


class Affine(Quantize):
    """For dense and conv models: the vectors and every layer as packed integers of `bits` bits, with a scale and a zero
    point per row of the vectors, and per dense layer, or per filter and output of a conv model; computed in floating
    point. Biases stay fp32, of conv models fp16; these have 8-bit scales."""

    ONE_OF = ("percentile", "search")
    method: Literal["affine"]
    bits: int = Field(ge=2, le=8)
    """Bits per weight."""
    symmetric: bool = True
    """true: codes are symmetric around zero; false: from the low to the high end of the range, with a zero point."""
    percentile: Percentile | None = None
    """Share of the weights of a layer, or of each row with a scale of its own, in %, that the codes span; others are
    clipped to the ends. 100: from the smallest to the largest weight (min-max)."""
    search: Distinct[Percentile] | None = Field(None, min_length=1, max_length=50)
    """Instead of percentile: the percentiles to try on each layer, first to last; the one with the highest macro F1 on
    the validation texts is taken."""


class Rounding(Quantize):
    """Keys of both methods for LSTMs."""

    bits: int = Field(ge=2, le=8)
    """Bits per weight, packed inside model.onnx: whatever runs the file unpacks them when it loads it, those that are
    multiplied as integers to a byte each, the others to fp32."""
    activation_bits: int | None = Field(None, ge=2, le=8)
    """To study what few bits of activations cost: the bits of everything that is multiplied, in ranges fixed on the
    calibration texts. All products are then exact ones of integers, and a discriminative model is three times slower.
    Default: 8 bits where activations are integers at all (see the methods)."""
    percentile: Percentile = 100
    """Share of the magnitudes of a neuron's weights, in %, that its codes span; the others are clipped. 100: up to the
    largest (min-max)."""
    activation_percentile: Percentile = 99.5
    """With activation_bits: share of the activations on the calibration texts, in %, that the codes span; each end
    loses half of the rest. 100: min-max."""
    calibration: Calibration = Field(default_factory=Calibration)
    """Calibration sample, drawn from the training texts with the variant's seed."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the percentile of ranges where none is fixed."""
        if "activation_percentile" in given and "activation_bits" not in given:
            yield "activation_percentile", "without activation_bits"


class Rtn(Rounding):
    """For LSTM models, from the checkpoint: every matrix symmetric with a scale per neuron, tables of vectors with one
    per row, each weight rounded to the nearest; biases stay fp32. A discriminative model runs in ONNX Runtime's fused
    DynamicQuantizeLSTM: activations in 8 bits, in ranges found for every text when it is read (so one text a call). A
    generative one, whose early tokens must not see later ones through such a range, has an fp32 LSTM and multiplies by
    the vocabulary in integers, states in 8 bits between -1 and 1.
    """

    method: Literal["rtn"]


class Gpfq(Rounding):
    """As rtn, but greedy path-following (GPFQ): the weights of a neuron are rounded one after the other, and each
    compensates the error that those before it cause on the calibration texts."""

    method: Literal["gpfq"]


Quantization = Annotated[
    Static | Dynamic | Int4 | Nf4 | Fp16 | Bf16 | WeightOnly | Affine | Rtn | Gpfq,
    Field(discriminator="method"),
]
