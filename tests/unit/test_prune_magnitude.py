"""Magnitude masks by hand: which weights go, how many, and what happens to ties."""

import pytest
import torch

from emopress.compress.prune_magnitude import magnitude_masks
from emopress.entries.step import typed_step
from emopress.train.run import TrainingRun

SMALL = torch.tensor([[0.1, -0.2], [0.3, -0.4]])
LARGE = torch.tensor([[1.0, -2.0], [3.0, -4.0], [0.05, 5.0]])


def removed(masks):
    return {name: int((~mask).sum()) for name, mask in masks.items()}


def test_layer_scope_takes_the_same_share_of_each():
    masks = magnitude_masks({"small": SMALL, "large": LARGE}, 0.5, "layer")
    assert masks["small"].tolist() == [[False, False], [True, True]]
    assert masks["large"].tolist() == [[False, False], [True, True], [False, True]]


def test_global_scope_ranks_all_weights_together():
    masks = magnitude_masks({"small": SMALL, "large": LARGE}, 0.5, "global")
    # the five smallest of ten: 0.05, 0.1, 0.2, 0.3, 0.4
    assert masks["small"].tolist() == [[False, False], [False, False]]
    assert masks["large"].tolist() == [[True, True], [True, True], [False, True]]


def test_sign_does_not_matter():
    masks = magnitude_masks({"w": torch.tensor([-9.0, 1.0, -0.5])}, 0.67, "global")
    assert masks["w"].tolist() == [True, False, False]


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("amount", [0.01, 0.3, 0.5, 0.999])
def test_exact_counts(scope, amount):
    torch.manual_seed(0)
    weights = {"a": torch.randn(13, 7), "b": torch.randn(5, 40), "c": torch.randn(3, 3)}
    counts = removed(magnitude_masks(weights, amount, scope))
    if scope == "layer":
        assert counts == {n: round(amount * w.numel()) for n, w in weights.items()}
    else:
        assert sum(counts.values()) == round(amount * (91 + 200 + 9))


def test_masks_keep_the_larger_weights():
    torch.manual_seed(1)
    weight = torch.randn(20, 30)
    mask = magnitude_masks({"w": weight}, 0.4, "layer")["w"]
    assert mask.shape == weight.shape
    assert weight[~mask].abs().max() <= weight[mask].abs().min()


def test_ties_still_give_the_exact_count_in_order():
    weights = {"a": torch.ones(2, 3), "b": torch.ones(4)}
    assert removed(magnitude_masks(weights, 0.5, "global")) == {"a": 5, "b": 0}
    mask = magnitude_masks(weights, 0.5, "layer")["a"]
    assert mask.tolist() == [[False, False, False], [True, True, True]]


def test_already_pruned_weights_go_first():
    weight = torch.tensor([0.0, 0.0, 0.3, 0.2])
    assert magnitude_masks({"w": weight}, 0.5, "global")["w"].tolist() == [False, False, True, True]
    assert magnitude_masks({"w": weight}, 0.75, "global")["w"].tolist() == [False] * 2 + [
        True,
        False,
    ]


def test_weights_are_left_alone():
    weight = SMALL.clone()
    magnitude_masks({"w": weight}, 0.5, "global")
    assert torch.equal(weight, SMALL)


def test_unknown_scope():
    with pytest.raises(ValueError, match="attention"):
        magnitude_masks({"w": SMALL}, 0.5, "attention")


def test_pruned_weights_are_plus_zero(artifacts):
    """-0 would be one more value to store."""
    import torch

    from emopress.train.transformer import load_transformer

    weights = load_transformer(artifacts.checkpoints["pruned"]).state_dict()
    zeros = [w[w == 0] for n, w in weights.items() if n.endswith("weight")]
    assert sum(z.numel() for z in zeros) > 1000
    assert not any(torch.signbit(z).any() for z in zeros)


def test_a_second_pruning_keeps_the_zeros_of_the_first(artifacts, few, filled, training, tmp_path):
    from emopress.compress.prune_magnitude import linear_weights, prune_magnitude
    from emopress.train.transformer import load_transformer

    less = filled("magnitude", kind="prune", method="magnitude", amount=0.2)
    prune_magnitude(
        parent=artifacts.checkpoints["pruned"],
        step=typed_step({**less, "recover": training(epochs=1)}),
        seed=0,
        train=few.train,
        validation=few.validation,
        out=tmp_path / "out",
        device="cpu",
        run=TrainingRun(tmp_path / "state", code="tests"),
    )
    before = linear_weights(load_transformer(artifacts.checkpoints["pruned"]))
    after = linear_weights(load_transformer(tmp_path / "out"))
    assert all((after[name][weight == 0] == 0).all() for name, weight in before.items())
