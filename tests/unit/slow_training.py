"""What test_processes has two processes run: what they tell each other, a slow training, one that diverges.

python -m slow_training FOLDER, as `emopress.jobs.processes` is called with these functions for makers.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.nn.functional import cross_entropy

from emopress.artifact import write_json
from emopress.entries.training import Training
from emopress.jobs import processes
from emopress.train import ranks
from emopress.train.batches import Encoded
from emopress.train.loop import Trainer
from emopress.train.ranks import Ranks
from emopress.train.run import TrainingRun

BATCHES = {"even": 4, "uneven": 5, "one text": 1}
WEIGHTS = torch.tensor([0.2, 1.0, 5.0])


def batch(count):
    """Return `count` texts as vectors [count, 6], and their classes."""
    generator = torch.Generator().manual_seed(count)
    return torch.randn(count, 6, generator=generator), torch.arange(count) % 3


def layers():
    """Return layers of which the first is frozen, the second trained and the third not used."""
    torch.manual_seed(0)
    model = torch.nn.ModuleList(
        [torch.nn.Linear(6, 6), torch.nn.Linear(6, 3), torch.nn.Linear(6, 3)]
    )
    model[0].requires_grad_(False)
    return model


def gradients(count, alone):
    """Return the gradients of a loss that is no mean over texts, as lists, None for what has none."""
    here, model = Ranks() if alone else Ranks.here(), layers()
    texts, classes = batch(count)
    own = here.share(list(range(count)))
    logits = model[1](model[0](texts[own])) if own else torch.zeros(0, 3)
    whole = logits if alone else here.whole(logits, count)
    loss = cross_entropy(whole, classes, weight=WEIGHTS)
    if own:
        loss.backward()
    here.sum_gradients(model.parameters())
    return [p.grad if p.grad is None else p.grad.tolist() for p in model.parameters()]


def findings():
    """Return what this process finds of the others."""
    here = Ranks.here()
    first_weights = layers()
    with torch.no_grad():
        first_weights[1].weight.add_(here.rank)
    here.start_alike(first_weights, 3)
    refused = ""
    if here.first:
        here.from_first([0])  # the other one's call takes it for the first one's epochs
    else:
        try:
            here.start_alike(first_weights, 1)
        except RuntimeError as error:
            refused = str(error)
    return {
        "ranks": [here.rank, here.world],
        "from_first": here.from_first([0.25 + here.rank, 2.0]),
        "gradients": {name: gradients(count, alone=False) for name, count in BATCHES.items()},
        "weights": first_weights[1].weight.tolist(),
        "refused": refused,
        "threads": torch.get_num_threads(),
        "port": os.environ["MASTER_PORT"],
    }


def train_slowly(*, told: Path, **arguments) -> None:
    """Write this process's findings into folder `told`, then train as `finetune`, an hour an epoch."""
    from emopress.train.finetune import finetune

    ranks.BUCKET = 7  # several sums for one model
    found = findings()
    write_json(told / f"{found['ranks'][0]}.json", found)
    record = Trainer._record

    def slowly(self, *rest):
        record(self, *rest)
        time.sleep(3600)  # it is killed meanwhile

    Trainer._record = slowly
    processes.call(finetune, arguments)


class Mean(torch.nn.Module):
    """The mean of word vectors, with `.logits` as transformers have."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(9, 3)

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=self.words(input_ids).mean(1))


def diverge(*, settings: dict, device: str, run: TrainingRun) -> None:
    """Train a small model whose learning rate spoils it."""
    torch.manual_seed(0)
    texts = Encoded([[n % 9, 1] for n in range(16)], torch.arange(16) % 3, 0)

    def objective(output, inputs, indices, progress):
        return cross_entropy(output.logits, texts.labels[indices])

    facts = {"seed": 0, "identity": "none", "device": torch.device(device), "run": run}
    Trainer(Mean(), objective, Training.model_construct(**settings), **facts).fit(texts, texts, 3)


if __name__ == "__main__":
    processes.PACKAGE = "slow_training"
    os._exit(processes.main(Path(sys.argv[1])))
