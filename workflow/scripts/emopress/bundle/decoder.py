"""Makes the bundle of a large decoder: its checkpoint's own weights, tokenizer and adapters, for transformers."""

from pathlib import Path

from emopress.artifact import linked_or_copied, replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import read_checkpoint
from emopress.runtime.decoder import ADAPTER, HEAD

SHIPPED = ("config.json", HEAD, "tokenizer*.json", "model*.safetensors", "model*.index.json")


def export_decoder(checkpoint: Path, out: Path) -> None:
    """Write the bundle of a checkpoint whose runtime is transformers, its files linked, not written again.

    Adapters are shipped where they stand beside 4-bit weights; else the weights have them in them.
    """
    import tokenizers

    from emopress.runtime.encoder import pad_id

    source = read_checkpoint(checkpoint)
    padding = pad_id(tokenizers.Tokenizer.from_file(str(checkpoint / "tokenizer.json")))
    beside = source.manifest["weight_bits"] == 4
    with replaced_folder(out) as folder:
        for path in sorted(path for pattern in SHIPPED for path in checkpoint.glob(pattern)):
            linked_or_copied(path, folder / path.name)
        if beside:
            (folder / ADAPTER).mkdir()
            for path in sorted((checkpoint / ADAPTER).iterdir()):
                linked_or_copied(path, folder / ADAPTER / path.name)
        packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors")
        more = ("bitsandbytes", "peft") if beside else ()
        exported(folder, source, packages + more, pad_id=padding)
