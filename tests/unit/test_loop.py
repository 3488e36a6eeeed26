"""The training loop: early stopping, the best epoch, resuming bit by bit, accumulation, a NaN."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn.functional import cross_entropy

from emopress.entries.training import Training
from emopress.errors import UserError
from emopress.train import loop
from emopress.train.batches import Encoded
from emopress.train.loop import Trainer
from emopress.train.overlap import macro_f1
from emopress.train.run import TrainingRun

CPU = torch.device("cpu")
CLASSES = 3


class Tiny(nn.Module):
    """Mean of word vectors, dropout, one layer; gives an object with `.logits` as Hugging Face does."""

    def __init__(self, dropout=0.1, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.words, self.out = nn.Embedding(30, 8), nn.Linear(8, CLASSES)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask[..., None]
        mean = (self.words(input_ids) * mask).sum(1) / mask.sum(1)
        return SimpleNamespace(logits=self.out(self.dropout(mean)))


def texts(count, seed=0):
    """Texts whose class is their first token modulo 3."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 30, rng.integers(2, 9)).tolist() for _ in range(count)]
    return Encoded(ids, torch.tensor([row[0] % CLASSES for row in ids]), pad_id=0)


TRAIN, VALIDATION = texts(40), texts(20, seed=1)


def objective(output, inputs, indices, progress):
    return cross_entropy(output.logits, TRAIN.labels[indices])


def trainer(tmp_path, settings, model=None, objective=objective, identity="five", **options):
    return Trainer(
        model or Tiny(),
        objective,
        Training(**settings),
        seed=5,
        identity=identity,
        device=CPU,
        run=TrainingRun(tmp_path / "state", code="tests"),
        **options,
    )


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_macro_f1_is_that_of_sklearn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, predicted = rng.integers(0, 6, 50), rng.integers(0, 5, 50)
        expected = f1_score(truth, predicted, average="macro", labels=np.arange(6), zero_division=0)
        assert macro_f1(truth, predicted, 6) == pytest.approx(expected)


def test_learning_leaves_no_state_behind(tmp_path, training):
    settings = training(epochs=12, batch_size=8, learning_rate=0.05, patience=12)
    run = trainer(tmp_path, settings)
    history = run.fit(TRAIN, VALIDATION, CLASSES)
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert (tmp_path / "state" / "state.json").exists()  # until the result is safe
    run.forget()
    assert not (tmp_path / "state").exists()


def test_early_stopping_keeps_the_best_epoch(tmp_path, training, monkeypatch):
    script, seen = [0.1, 0.5, 0.5, 0.4, 0.9], []
    run = trainer(tmp_path, training(epochs=5, batch_size=8, learning_rate=0.05, patience=2))

    def scripted(*_):
        seen.append(weights(run.model))
        return script[len(seen) - 1]

    monkeypatch.setattr(loop, "macro_f1", scripted)
    history = run.fit(TRAIN, VALIDATION, CLASSES)
    # epoch 2 is best (an equal score is no better), so patience 2 ends the training after epoch 4
    assert [row["validation_macro_f1"] for row in history] == script[:4]
    assert run.best_epoch == 2
    assert same(run.model.state_dict(), seen[1])
    assert not same(run.model.state_dict(), seen[3])


@pytest.mark.parametrize("interrupted_at", [3, 13, 15])  # of 5 steps an epoch: in epochs 1 and 3
def test_resumed_run_ends_like_an_unbroken_one(tmp_path, training, interrupted_at):
    settings = training(epochs=5, batch_size=8, learning_rate=0.02, patience=5)
    whole = trainer(tmp_path / "whole", settings)
    history = whole.fit(TRAIN, VALIDATION, CLASSES)

    calls = []

    def breaks(*arguments):
        calls.append(1)
        if len(calls) == interrupted_at:
            raise KeyboardInterrupt
        return objective(*arguments)

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, settings, objective=breaks).fit(TRAIN, VALIDATION, CLASSES)
    again = trainer(tmp_path, settings)
    resumed = again.fit(TRAIN, VALIDATION, CLASSES)
    assert resumed == history
    assert same(again.model.state_dict(), whole.model.state_dict())


def test_resuming_forgets_nothing_of_the_weights(tmp_path, training):
    """A second process starts with other weights; what counts is what was saved."""
    settings = training(epochs=4, batch_size=8, learning_rate=0.02, patience=4)
    expected = trainer(tmp_path / "whole", settings).fit(TRAIN, VALIDATION, CLASSES)
    count = 0

    def breaks(*arguments):
        nonlocal count
        count += 1
        if count == 12:
            raise RuntimeError("killed")
        return objective(*arguments)

    with pytest.raises(RuntimeError, match="killed"):
        trainer(tmp_path, settings, objective=breaks).fit(TRAIN, VALIDATION, CLASSES)
    other = trainer(tmp_path, settings, model=Tiny(seed=99))
    assert other.fit(TRAIN, VALIDATION, CLASSES) == expected


def test_unfinished_run_of_something_else_is_discarded(tmp_path, training, capsys):
    def breaks(*arguments):
        raise_after.append(1)
        if len(raise_after) == 7:
            raise KeyboardInterrupt
        return objective(*arguments)

    raise_after = []
    first = training(epochs=3, batch_size=8, learning_rate=0.02)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, first, objective=breaks).fit(TRAIN, VALIDATION, CLASSES)
    second = {**first, "learning_rate": 0.01}
    expected = trainer(tmp_path / "clean", second).fit(TRAIN, VALIDATION, CLASSES)
    again = trainer(tmp_path, second, identity="six")
    assert again.fit(TRAIN, VALIDATION, CLASSES) == expected
    assert "discarded" in capsys.readouterr().err


@pytest.mark.parametrize("count", [16, 13])  # 8 + 8, and 8 + 5: every text weighs the same
def test_accumulating_equals_a_larger_batch(tmp_path, training, count):
    data = Encoded(TRAIN.ids[:count], TRAIN.labels[:count], 0)
    found = []
    for batch_size, accumulate in ((16, 1), (8, 2)):
        settings = training(
            epochs=3, batch_size=batch_size, accumulate=accumulate, learning_rate=0.05, patience=3
        )
        model = Tiny(dropout=0.0)
        run = trainer(tmp_path, settings, model=model)
        history = run.fit(data, VALIDATION, CLASSES)
        found.append((history, weights(model)))
    (history, large), (other_history, accumulated) = found
    assert [row["loss"] for row in other_history] == pytest.approx([row["loss"] for row in history])
    for name in large:
        assert torch.allclose(large[name], accumulated[name], atol=1e-5), name


def test_same_seed_same_weights(tmp_path, training):
    settings = training(epochs=2, batch_size=8, learning_rate=0.02)
    runs = [trainer(tmp_path / name, settings) for name in "ab"]
    assert runs[0].fit(TRAIN, VALIDATION, CLASSES) == runs[1].fit(TRAIN, VALIDATION, CLASSES)
    assert same(runs[0].model.state_dict(), runs[1].model.state_dict())


def test_nan_loss_stops_with_step_and_learning_rate(tmp_path, training):
    steps = []

    def explodes(*arguments):
        steps.append(1)
        loss = objective(*arguments)
        return loss * float("nan") if len(steps) == 3 else loss

    settings = training(epochs=2, batch_size=8, learning_rate=0.02, warmup=0.0)
    with pytest.raises(
        UserError, match=r"loss is nan in epoch 1, step 3 .*learning rate 1\.\d+e-02"
    ):
        trainer(tmp_path, settings, objective=explodes).fit(TRAIN, VALIDATION, CLASSES)


def test_learning_rate_rises_then_falls_to_zero(tmp_path, training):
    rates = []
    settings = training(epochs=4, batch_size=8, learning_rate=1.0, warmup=0.25, patience=4)
    run = trainer(
        tmp_path,
        settings,
        after_step=lambda: rates.append(run.optimizer.param_groups[0]["lr"]),
    )
    run.fit(TRAIN, VALIDATION, CLASSES)
    # 20 steps, 5 of warm-up: 0.2, 0.4, ... 1.0, then down; noted after each step, so from the second
    assert rates[:4] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert max(rates) == 1.0 and rates[-1] == pytest.approx(0.0)
    assert sorted(rates[4:], reverse=True) == rates[4:]


def test_biases_do_not_decay(tmp_path, training):
    run = trainer(tmp_path, training(weight_decay=0.3))
    decayed, plain = run.optimizer.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    assert [p.ndim for p in plain["params"]] == [1] and len(decayed["params"]) == 2


def test_the_identity_of_a_training_is_all_that_its_result_depends_on():
    facts = {"step": {"temperature": 2.0}, "data": {"max_length": 64}, "texts": "abc", "seed": 0}
    run = TrainingRun(Path("state"), code="abc")
    same = run.identity(**dict(reversed(list(facts.items()))))
    assert same == run.identity(**facts)
    others = [
        {**facts, "step": {"temperature": 3.0}},
        {**facts, "data": {"max_length": 32}},
        {**facts, "texts": "abd"},
        {**facts, "seed": 1},
    ]
    under_other_code = TrainingRun(Path("state"), code="abd").identity(**facts)
    assert len({same, under_other_code, *(run.identity(**other) for other in others)}) == 6
