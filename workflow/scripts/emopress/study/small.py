"""Which models are so small that starting their training takes longer than the training itself."""

from emopress import recipe
from emopress.entries.study import model_entry
from emopress.entries.transformer import Transformer
from emopress.study.study import Study
from emopress.train.memory import layer_weights
from emopress.train.sizes import shape_of_entry

# Weights of all layers, without embeddings. One of two layers of width 128 has 0.4 million, and its batch of 32 texts
# takes 33 ms with one thread and 22 ms with two, beside 4 s for importing PyTorch and transformers.
SMALL_WEIGHTS = 10**6


def small_models(study: Study) -> set[str]:
    """Return the transformers that their entries (`init`) make from scratch with fewer than SMALL_WEIGHTS.

    A published checkpoint is not among them, however small: its shape is not known before it is fetched, and a job
    must not change with that.
    """
    small = set()
    for name in study.model_names("transformer"):
        entry = model_entry(study.models[name])
        shape = shape_of_entry(entry) if isinstance(entry, Transformer) and entry.init else None
        if shape and layer_weights(shape) < SMALL_WEIGHTS:
            small.add(name)
    return small


def is_small(study: Study, small: set[str], variant: str) -> bool:
    """Return whether the weights of `variant` are those of one of the models `small`."""
    return recipe.root(variant, study.passes) in small
