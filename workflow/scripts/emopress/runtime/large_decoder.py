"""Loads a decoder too large for a graph with transformers: weights in bf16 or in 4 bits, adapters beside them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emopress.checkpoint import HEAD
from emopress.errors import UserError

HEAD_WEIGHT = "score.weight"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
NEEDED = ("torch", "transformers", "accelerate", "safetensors")
NEEDED_4_BITS = ("bitsandbytes", "peft")  # adapters stay beside 4-bit weights


def check_packages(*, four_bits: bool) -> None:
    """Raise UserError, with the packages that are missing, unless a bundle of this sort can run."""
    needed = [*NEEDED, *(NEEDED_4_BITS if four_bits else ())]
    absent = [name for name in needed if find_spec(name) is None]
    if absent:
        raise UserError(
            f"this bundle's runtime is transformers, which needs {', '.join(absent)}: "
            "pip install -r requirements.lock, or the extra `study`"
        )


def nf4_config() -> Any:
    """Return how transformers quantizes while it loads: NF4, scales quantized too, the head left alone.

    (Dettmers et al. 2023, QLoRA, section 3: 4-bit NormalFloat in blocks of 64, double quantization.)
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=["score"],
    )


def load_decoder(folder: Path, *, dtype: Any, device: Any, four_bits: bool = False) -> Any:
    """Return the sequence classifier of a Hugging Face folder on `device`, in evaluation mode.

    transformers reads the shards tensor by tensor onto the device that accelerate's map names and,
    with `four_bits`, quantizes each as it comes: no more than one tensor is there unquantized. A folder
    whose weights are in 4 bits is loaded so anyway, its layers made ours (`runtime/four_bits.py`). What is
    not in 4 bits has `dtype`, and what goes through the layers too. UserError names a
    tensor that the folder lacks, for which transformers would draw random numbers; only the output layer
    may be in a file of its own, `HEAD`.
    """
    from safetensors.torch import load_file
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    options = {"quantization_config": nf4_config()} if four_bits else {}
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # missing tensors are reported below
    try:
        loaded: Any = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            device_map={"": device},
            output_loading_info=True,
            **options,
        )
    finally:
        logging.set_verbosity(verbosity)
    model, info = loaded
    head = load_file(folder / HEAD) if (folder / HEAD).is_file() else {}
    missing = sorted(set(info["missing_keys"]) - set(head))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(f"{folder}: its weights lack the tensor {missing[0]}{more}")
    if head:
        model.score.weight.data.copy_(head[HEAD_WEIGHT])
    for parameter in model.parameters():
        if parameter.is_floating_point():  # those in 4 bits are uint8
            parameter.data = parameter.data.to(dtype)
    if getattr(model, "is_loaded_in_4bit", False):  # said by transformers
        from emopress.runtime.four_bits import adopt_4bit_layers

        adopt_4bit_layers(model)
    return model.eval()


def load_adapters(model: Any, folder: Path, *, device: Any) -> Any:
    """Return `model` with the adapters of `folder` on `device`, in evaluation mode.

    UserError if a file of theirs is not there: peft would look for a pickle in its place.
    """
    from peft import PeftModel

    for name in ADAPTER_FILES:
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing; the adapters cannot be read without it")
    return PeftModel.from_pretrained(model, str(folder), torch_device=str(device)).eval()
