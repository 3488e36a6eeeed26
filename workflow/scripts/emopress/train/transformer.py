"""Builds transformer classifiers, encoders and decoders: from an architecture, or from a published checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from emopress.checkpoint import ARCHITECTURES, DECODERS
from emopress.errors import UserError
from emopress.imports import uncollected
from emopress.train.published_classifier import load_classifier, usable_config

if TYPE_CHECKING:
    from emopress.entries.transformer import Init, TransformerStudent


def _scratch_config(init: "Init", vocab_size: int, max_length: int, pad: int) -> Any:
    with uncollected():
        from transformers import AutoConfig

    kind, width, heads = init.architecture, init.width, init.heads
    dropout = init.dropout or 0  # as configs and config.json spell it
    settings: dict[str, Any] = {
        "vocab_size": vocab_size,
        "max_position_embeddings": max_length,
        "pad_token_id": pad,
        "num_hidden_layers": init.layers,
        "hidden_size": width,
        "num_attention_heads": heads,
    }
    if kind in DECODERS:
        settings |= {
            "num_key_value_heads": init.kv_heads or heads,
            "head_dim": init.head_size or width // heads,
            "intermediate_size": init.ffn,
            "attention_dropout": dropout,
        }
    elif kind == "distilbert":
        settings |= {"hidden_dim": init.ffn, "dropout": dropout}
        settings |= {"attention_dropout": dropout, "seq_classif_dropout": dropout}
    else:
        settings |= {"intermediate_size": init.ffn}
        settings |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    if kind == "electra":
        settings["embedding_size"] = width
    return AutoConfig.for_model(kind, **settings)


def _from_config(config: Any, *, attention: str) -> Any:
    """Return the classifier of a config; the module of its architecture is imported as it is looked up."""
    with uncollected():
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification.from_config(config, attn_implementation=attention)


def build_transformer(
    entry: "TransformerStudent",
    *,
    labels: list[str],
    pretrained: Path | None,
    as_is: bool = False,
    **sizes: int,
) -> nn.Module:
    """Return a classifier with one logit per label for a transformer entry of the config.

    `as_is`: it is used untrained. `sizes` are those of `classifier_config`, and so are the errors; or
    as `load_classifier`.
    """
    config = classifier_config(entry, labels=labels, pretrained=pretrained, **sizes)
    if pretrained is None:
        return _from_config(config, attention="sdpa")
    return load_classifier(pretrained, config, given=entry.labels, labels=labels, as_is=as_is)


def classifier_config(
    entry: "TransformerStudent",
    *,
    labels: list[str],
    vocab_size: int,
    max_length: int,
    pad: int,
    pretrained: Path | None,
) -> Any:
    """Return transformers' config of a classifier, which lists the labels in their order.

    A decoder reads a text's class off the last token that is not `pad`, so its config names it.
    UserError if the checkpoint in `pretrained` is of an architecture that emopress does not know, has
    fewer embedding rows than the tokenizer has entries, or fewer positions than `max_length`.
    """
    if entry.init:
        config = _scratch_config(entry.init, vocab_size, max_length, pad)
    elif pretrained is None:
        raise ValueError("an entry without init needs its fetched checkpoint")
    else:
        config = _published_config(pretrained, vocab_size, max_length)
    if config.model_type in DECODERS:
        config.pad_token_id, config.use_cache = pad, False
    config.id2label = dict(enumerate(labels))
    config.label2id = {name: index for index, name in enumerate(labels)}
    return config


def _published_config(pretrained: Path, vocab_size: int, max_length: int) -> Any:
    with uncollected():
        from transformers import AutoConfig

    with usable_config(pretrained):
        config = AutoConfig.from_pretrained(
            pretrained, local_files_only=True, trust_remote_code=False
        )
    if config.model_type not in ARCHITECTURES:
        raise UserError(
            f"{pretrained}: a {config.model_type} checkpoint; emopress takes {', '.join(ARCHITECTURES)}"
        )
    if config.vocab_size < vocab_size:
        raise UserError(
            f"{pretrained}: the tokenizer has {vocab_size} entries, the checkpoint's embeddings "
            f"only {config.vocab_size}"
        )
    if config.max_position_embeddings < max_length:
        raise UserError(
            f"{pretrained}: max_length is {max_length}, the checkpoint has "
            f"{config.max_position_embeddings} positions"
        )
    return config


def load_transformer(folder: Path, *, attention: str = "sdpa") -> nn.Module:
    """Return the classifier of a checkpoint folder, in evaluation mode.

    Layers that a pass has cut or factored have other shapes than config.json can say; the weights'
    own names and shapes are followed then (`fit_to_weights`).
    """
    with uncollected():
        from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = _from_config(config, attention=attention)
    weights = load_file(folder / "model.safetensors")
    fit_to_weights(model, weights)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if missing or unexpected:
        wrong = ", ".join([*missing, *unexpected][:3])
        raise UserError(f"{folder}/model.safetensors: does not fit config.json ({wrong})")
    return model.float().eval()


def fit_to_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give the layers of `model` the shapes that `weights` have, in place.

    A Linear `x` whose weights are stored as `x.0.weight` [r, in] and `x.1.weight` [out, r] becomes
    a Sequential of two (low-rank); one stored with fewer rows or columns is cut.
    """
    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.Linear):
            continue
        if f"{name}.0.weight" in weights:
            first, second = (weights[f"{name}.{i}.weight"] for i in (0, 1))
            bias = f"{name}.1.bias" in weights
            replace_module(
                model,
                name,
                nn.Sequential(
                    nn.Linear(first.shape[1], first.shape[0], bias=False),
                    nn.Linear(second.shape[1], second.shape[0], bias=bias),
                ),
            )
        elif f"{name}.weight" in weights:
            rows, columns = weights[f"{name}.weight"].shape
            if (rows, columns) != (module.out_features, module.in_features):
                bias = module.bias is not None
                replace_module(model, name, nn.Linear(columns, rows, bias=bias))


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` in the place of the submodule called `name`."""
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return (all, non-zero) parameters; tied ones count once."""
    parameters = list(model.parameters())
    nonzero = sum(int(torch.count_nonzero(p)) for p in parameters)
    return sum(p.numel() for p in parameters), nonzero
