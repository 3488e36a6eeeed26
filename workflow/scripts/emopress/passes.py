"""The one table of passes: what each sort reads and leaves, which rule and function make it, its cost, look and words.

The key of a row is a pass's kind and method ("prune magnitude"). To add a pass: its module, its entry type in
`emopress.entries`, its row here, its test. No module that trains or compresses imports this table, so that a new row
makes no model again.
"""

from emopress.rows import Cost, Job, Look, Pass

TRAINS_ZEROS_AWAY = "its training would fill the zeros up again; prune by magnitude after it"
TRAINING = ("train", "validation", "device")
RECOVERY = (*TRAINING, "teacher_logits")  # which may distil from the model before it
TRAINS = Cost(mem_mb=8000, runtime=1440, threads=2, gpu=True)
REWRITES = Cost(mem_mb=6000, runtime=60)

# Okabe and Ito's colours, which the colour-blind can tell apart, and shades of them. Sorts that do nearly the same
# share a look and a job.
DISTILLED = Look("#0072B2", "^", "distill")
ADAPTERS = Look("#CC79A7", ">", "adapters (LoRA, QLoRA)")
INT8 = Look("#D55E00", "v", "quantize, 8 bit")
INT4 = Look("#7F2704", "X", "quantize, 4 bit")
HALF = Look("#F5A15B", "s", "quantize, 16 bit")

DISTILL_WHITEBOX = Job(
    "emopress.compress.distill_whitebox:distill_whitebox",
    "distil",
    TRAINS,
    takes=(*RECOVERY, "data", "pretrained"),
)
ADAPT = Job(
    "emopress.compress.adapt:adapt",
    "train adapters on",
    Cost(mem_mb=8000, runtime=1440, threads=2, gpu=True, several_gpus=True),
    takes=TRAINING,
)
QUANTIZE = Job("emopress.bundle.quantize:quantize", "quantize", REWRITES, takes=("train",))
QUANTIZE_BLOCKS = Job(
    "emopress.bundle.quantize_blocks:quantize_blocks", "quantize", REWRITES, takes=("train",)
)
QUANTIZE_HALF = Job("emopress.bundle.quantize_half:quantize_half", "store in 16 bits", REWRITES)
QUANTIZE_LSTM = Job(
    "emopress.lstm.quantize:quantize_lstm",
    "quantize",
    Cost(mem_mb=3000, runtime=240),
    takes=("train",),
)

PASSES = {
    "trim": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=Job(
            "emopress.compress.trim:trim",
            "trim the vocabulary of",
            REWRITES,
            takes=("train", "test"),  # test: to count its unknown words, no more
        ),
        look=Look("#0072B2", "<", "trim vocabulary"),
        does="keeps only the vocabulary that the training texts use",
    ),
    "distill": Pass(
        reads="fp32 bundle",
        leaves="checkpoint",
        job=None,
        look=DISTILLED,
        does="trains a student on its teacher's softened outputs and on the labels",
        families=("transformer", "linear", "dense", "lstm", "conv"),
        large=True,
    ),
    "distill layers": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=DISTILL_WHITEBOX,
        look=DISTILLED,
        does="trains a student made of its teacher's layers on the teacher's softened outputs and on the labels",
        not_after=("prune magnitude",),
        why_not=TRAINS_ZEROS_AWAY,
        decoders=False,
    ),
    "distill hidden": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=DISTILL_WHITEBOX,
        look=DISTILLED,
        does="trains a student on its teacher's softened outputs and hidden states, and on the labels",
        not_after=("trim",),
        why_not="hidden states are compared token by token, and its student has the whole vocabulary",
        decoders=False,
    ),
    "prune magnitude": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=Job(
            "emopress.compress.prune_magnitude:prune_magnitude", "prune", TRAINS, takes=RECOVERY
        ),
        look=Look("#009E73", "D", "prune, magnitude"),
        does="sets the smallest weights of the linear layers to zero",
    ),
    "prune structured": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=Job(
            "emopress.compress.prune_structured:prune_structured", "cut", TRAINS, takes=RECOVERY
        ),
        look=Look("#009E73", "P", "prune, structured"),
        does="cuts whole attention heads, feed-forward neurons or layers out",
        not_after=("prune magnitude", "low-rank"),
        why_not="it cuts dense layers, and its training would fill zeros up again",
        decoders=False,
    ),
    "low-rank": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=Job("emopress.compress.low_rank:low_rank", "factor", TRAINS, takes=RECOVERY),
        look=Look("#009E73", "p", "low-rank"),
        does="replaces each linear layer by two thin ones (truncated SVD)",
        not_after=("prune magnitude", "low-rank"),
        why_not="it factors dense layers once, and has no zeros to keep",
        decoders=False,
    ),
    "adapt lora": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=ADAPT,
        look=ADAPTERS,
        does="trains low-rank adapters and merges them into the weights (LoRA)",
        not_after=("prune magnitude",),
        why_not=TRAINS_ZEROS_AWAY,
        large=True,
    ),
    "adapt qlora": Pass(
        reads="checkpoint",
        leaves="checkpoint",
        job=ADAPT,
        look=ADAPTERS,
        does="trains low-rank adapters on 4-bit weights and merges them (QLoRA)",
        not_after=("prune magnitude",),
        why_not=TRAINS_ZEROS_AWAY,
        large=True,
    ),
    "qat": Pass(
        reads="checkpoint",
        leaves="quantized bundle",
        job=Job(
            "emopress.compress.qat:qat", "quantization-aware training of", TRAINS, takes=RECOVERY
        ),
        look=Look("#882255", "o", "qat"),
        does="trains with weights and activations rounded, then stores them so",
        not_after=("prune magnitude",),
        why_not=TRAINS_ZEROS_AWAY,
        decoders=False,
        export=Job("emopress.bundle.convert_qat:convert_qat", "convert to integers", REWRITES),
    ),
    "quantize static": Pass(
        reads="fp32 bundle",
        leaves="quantized bundle",
        job=QUANTIZE,
        look=INT8,
        does="stores int8 weights, with calibrated ranges of the activations",
    ),
    "quantize dynamic": Pass(
        reads="fp32 bundle",
        leaves="quantized bundle",
        job=QUANTIZE,
        look=INT8,
        does="stores int8 weights; ranges of activations are found at run time",
        families=("transformer", "lstm"),
    ),
    "quantize int4": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=QUANTIZE_BLOCKS,
        look=INT4,
        does="stores weights as blocks of 4-bit integers",
    ),
    "quantize nf4": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=QUANTIZE_BLOCKS,
        look=INT4,
        does="stores weights as blocks of 4-bit normal floats",
    ),
    "quantize fp16": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=QUANTIZE_HALF,
        look=HALF,
        does="stores weights in half precision",
        families=("transformer", "lstm"),
    ),
    "quantize bf16": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=QUANTIZE_HALF,
        look=HALF,
        does="stores weights in bfloat16",
        families=("transformer", "lstm"),
    ),
    "quantize weight-only": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=Job(
            "emopress.linear.quantize:quantize_linear", "quantize", Cost(mem_mb=1000, runtime=30)
        ),
        look=INT8,
        does="stores the weights of the linear model in int8",
        families=("linear",),
    ),
    "quantize affine": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=Job(
            "emopress.bundle.quantize_affine:quantize_affine",
            "quantize",
            Cost(mem_mb=2000, runtime=60),
            takes=("validation",),
        ),
        look=Look("#B8651B", "d", "quantize, 2 to 8 bit"),
        does="stores vectors and matrices as packed integers of a few bits, rounded layer by layer",
        families=("dense", "conv"),
    ),
    "quantize rtn": Pass(
        reads="checkpoint",
        leaves="final bundle",
        job=QUANTIZE_LSTM,
        look=Look("#B8651B", "<", "quantize LSTM, to nearest"),
        does="rounds weights to integers of a few bits, to the nearest",
        families=("lstm",),
    ),
    "quantize gpfq": Pass(
        reads="checkpoint",
        leaves="final bundle",
        job=QUANTIZE_LSTM,
        look=Look("#B8651B", ">", "quantize LSTM, path-following"),
        does="rounds weights to integers of a few bits by greedy path-following (GPFQ)",
        families=("lstm",),
    ),
    "openvino": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=Job(
            "emopress.bundle.openvino:openvino",
            "convert for OpenVINO",
            Cost(mem_mb=6000, runtime=120),
            takes=("train",),
            environment="openvino",
        ),
        look=Look("#56B4E9", "H", "to OpenVINO"),
        does="converts for the OpenVINO runtime",
    ),
    "pack": Pass(
        reads="onnx bundle",
        leaves="final bundle",
        job=Job("emopress.bundle.pack:pack", "pack", Cost(mem_mb=4000, runtime=60)),
        look=Look("#004D38", "d", "pack"),
        does="stores the zeros of pruned weights as one bit each",
        needs="prune magnitude",
    ),
    "search": Pass(
        reads="fp32 bundle",
        leaves="final bundle",
        job=Job(
            "emopress.measure.search:search",
            "search",
            Cost(mem_mb=6000, runtime=240),
            takes=("validation",),  # and all candidates; its rule is written out
        ),
        look=Look("#E8C400", "*", "search"),
        does="chose the passes after it, on the validation texts",
    ),
}
