"""Losses against numbers worked out by hand; softmax([ln 4, 0]) is (0.8, 0.2)."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from emopress.entries.training import Training
from emopress.train.losses import (
    attention_loss,
    average_log_probabilities,
    binary_soft_loss,
    class_weights,
    cosine_loss,
    distillation_loss,
    hard_loss,
    hidden_loss,
    positive_weights,
    scheduled_temperature,
    soft_loss,
)
from emopress.train.objectives import distillation_objective, label_objective
from plain_entries import typed_entry

LN4, LN16 = math.log(4), math.log(16)
LOGITS = torch.tensor([[LN4, 0.0], [LN4, 0.0]])
LABELS = torch.tensor([0, 1])
# KL((0.8, 0.2) || (0.5, 0.5)) = 0.8 ln 1.6 + 0.2 ln 0.4
KL = 0.19274475702175742


def near(value):
    return pytest.approx(value, rel=1e-5)


def test_cross_entropy():
    # -ln 0.8 = 0.2231436 and -ln 0.2 = 1.6094379
    assert hard_loss(LOGITS, LABELS, kind="cross_entropy", weights=None).item() == near(0.9162907)


def test_weighted_cross_entropy():
    # (1 * 0.2231436 + 3 * 1.6094379) / (1 + 3)
    weights = torch.tensor([1.0, 3.0])
    loss = hard_loss(LOGITS, LABELS, kind="cross_entropy", weights=weights)
    assert loss.item() == near(1.2628643)


def test_binary_cross_entropy():
    # text 0: -ln 0.8 and -ln(1 - 0.5); text 1: -ln(1 - 0.8) and -ln 0.5; the mean of the four
    loss = hard_loss(LOGITS, LABELS, kind="binary_cross_entropy", weights=None)
    assert loss.item() == near((0.2231436 + 0.6931472 + 1.6094379 + 0.6931472) / 4)


def test_weighted_binary_cross_entropy():
    loss = hard_loss(
        LOGITS[:1], LABELS[:1], kind="binary_cross_entropy", weights=torch.tensor([1.0, 3.0])
    )
    assert loss.item() == near((0.2231436 + 3 * 0.6931472) / 2)


def test_unknown_hard_loss():
    with pytest.raises(ValueError, match="hinge"):
        hard_loss(LOGITS, LABELS, kind="hinge", weights=None)


def test_soft_loss_at_temperature_2():
    # [ln 16, 0] / 2 = [ln 4, 0]: the teacher says (0.8, 0.2), the student (0.5, 0.5); T^2 = 4
    loss = soft_loss(torch.zeros(1, 2), torch.tensor([[LN16, 0.0]]), temperature=2.0)
    assert loss.item() == near(4 * KL)


def test_soft_loss_looks_from_the_teacher():
    # the other direction, KL((0.5, 0.5) || (0.8, 0.2)) = 0.5 ln 0.625 + 0.5 ln 2.5, is another number
    loss = soft_loss(LOGITS[:1], torch.zeros(1, 2), temperature=1.0)
    assert loss.item() == near(0.5 * math.log(0.625) + 0.5 * math.log(2.5))
    assert loss.item() != near(KL)


def test_soft_loss_is_a_mean_over_texts_not_classes():
    # text 0 costs KL, text 1 nothing: KL / 2; torch's default mean would give KL / 4
    student = torch.zeros(2, 2)
    teacher = torch.tensor([[LN4, 0.0], [0.0, 0.0]])
    assert soft_loss(student, teacher, temperature=1.0).item() == near(KL / 2)
    three = soft_loss(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, math.log(2)]]), temperature=1.0)
    # (1/4, 1/4, 1/2) against thirds: 0.5 ln 0.75 + 0.5 ln 1.5
    assert three.item() == near(0.5 * math.log(0.75) + 0.5 * math.log(1.5))


def test_no_soft_loss_between_equals():
    assert soft_loss(LOGITS, LOGITS + 7, temperature=3.0).item() == pytest.approx(0, abs=1e-6)


def test_gradient_of_the_soft_loss():
    # d/ds of T^2 KL is T (student - teacher) = 2 * (0.5 - 0.8), 2 * (0.5 - 0.2)
    student = torch.zeros(1, 2, requires_grad=True)
    soft_loss(student, torch.tensor([[LN16, 0.0]]), temperature=2.0).backward()
    assert student.grad.tolist()[0] == [near(-0.6), near(0.6)]


def test_gradient_does_not_fade_with_temperature():
    def gradient(temperature):
        student = torch.zeros(1, 3, requires_grad=True)
        soft_loss(student, torch.tensor([[3.0, 1.0, -1.0]]), temperature=temperature).backward()
        return student.grad.norm().item()

    # For large T it tends to |student - teacher| / classes = |(2, 0, -2)| / 3
    assert gradient(100.0) == pytest.approx(math.sqrt(8) / 3, rel=0.02)
    assert gradient(50.0) == pytest.approx(gradient(100.0), rel=0.02)


def test_distillation_loss():
    loss = distillation_loss(
        torch.zeros(1, 2),
        torch.tensor([[LN16, 0.0]]),
        torch.tensor([0]),
        temperature=2.0,
        alpha=0.7,
        kind="cross_entropy",
        weights=None,
    )
    assert loss.item() == near(0.7 * 4 * KL + 0.3 * 0.6931472)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_alpha_chooses_between_the_losses(alpha):
    student, teacher = torch.tensor([[1.0, -1.0]]), torch.tensor([[LN16, 0.0]])
    loss = distillation_loss(
        student,
        teacher,
        LABELS[:1],
        temperature=2.0,
        alpha=alpha,
        kind="binary_cross_entropy",
        weights=None,
    )
    soft = soft_loss(student, teacher, temperature=2.0)
    hard = hard_loss(student, LABELS[:1], kind="binary_cross_entropy", weights=None)
    assert loss.item() == near((soft if alpha else hard).item())


def test_class_weights_by_hand():
    # 6 texts, 3 classes: 6 / (3 * 3), 6 / (3 * 2), 6 / (3 * 1)
    found = class_weights(torch.tensor([0, 0, 0, 1, 1, 2]), 3)
    assert found.tolist() == [near(2 / 3), near(1.0), near(2.0)]


def test_class_weights_are_those_of_sklearn():
    labels = np.random.default_rng(3).integers(0, 6, 200)
    expected = compute_class_weight("balanced", classes=np.arange(6), y=labels)
    assert class_weights(torch.tensor(labels), 6).numpy() == pytest.approx(expected, rel=1e-6)


def test_absent_class_weighs_nothing():
    # the present one: 4 / (2 * 4)
    assert class_weights(torch.tensor([0, 0, 0, 0]), 2).tolist() == [0.5, 0.0]


def test_teachers_are_averaged_as_softened_probabilities():
    # at T = 2: (0.8, 0.2) and (0.5, 0.5), on average (0.65, 0.35)
    teachers = torch.tensor([[[LN16, 0.0]], [[3.0, 3.0]]])
    average = average_log_probabilities(teachers, temperature=2.0).exp()
    assert average.tolist()[0] == [near(0.65), near(0.35)]
    loss = soft_loss(torch.zeros(1, 2), teachers, temperature=2.0)
    assert loss.item() == near(4 * (0.65 * math.log(1.3) + 0.35 * math.log(0.7)))


def test_a_loud_teacher_has_no_more_say_than_the_other():
    # (1, 0) and (0.2, 0.8): (0.6, 0.4), where the mean of their logits would be all for the first
    teachers = torch.tensor([[[1000.0, 0.0]], [[0.0, LN4]]])
    average = average_log_probabilities(teachers, temperature=1.0).exp()
    assert average.tolist()[0] == [near(0.6), near(0.4)]


def test_one_teacher_in_a_row_of_one_is_that_teacher():
    student = torch.tensor([[0.3, -0.2], [1.0, 2.0]])
    alone = soft_loss(student, LOGITS, temperature=3.0)
    assert torch.equal(soft_loss(student, LOGITS[None], temperature=3.0), alone)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 8.0), (0.25, 6.5), (1.0, 2.0)])
def test_temperature_moves_linearly(progress, expected):
    assert scheduled_temperature(8.0, 2.0, progress) == expected
    assert scheduled_temperature(8.0, None, progress) == 8.0


def test_objective_follows_the_schedule_and_picks_its_texts():
    # half way from 3 to 1 is 2, and text 1 of the only teacher says (0.8, 0.2) there
    distill = typed_entry("distill", student="s", temperature=3.0, temperature_end=1.0, alpha=1.0)
    one, all_of_it = (
        torch.tensor([[9.0, 0.0], [LN16, 0.0]]),
        SimpleNamespace(logits=torch.zeros(1, 2)),
    )
    for teacher in (one, one[None], torch.stack([one, one])):
        objective = distillation_objective(
            LABELS, teacher, distill, distill.train, torch.device("cpu")
        )
        assert objective(all_of_it, {}, [1], 0.5).item() == near(4 * KL)


# One text of two tokens and one of padding, whose values would dominate every mean.
MASK = torch.tensor([[1, 1, 0]])


def test_hidden_loss_is_a_mean_over_real_tokens_and_width():
    student = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [99.0, 99.0]]])
    teacher = torch.tensor([[[0.0, 0.0], [3.0, 1.0], [0.0, 0.0]]])
    # (1 + 4) / 2 and (9 + 1) / 2
    assert hidden_loss(student, teacher, MASK).item() == near((2.5 + 5.0) / 2)


def test_tokens_of_all_texts_weigh_the_same():
    # three tokens cost 4, the only one of the other text 0
    student = torch.full((2, 3, 1), 2.0)
    teacher = torch.tensor([[[0.0], [0.0], [0.0]], [[2.0], [0.0], [0.0]]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert hidden_loss(student, teacher, mask).item() == near(12 / 4)


def test_cosine_loss_leaves_lengths_free():
    student = torch.tensor([[[2.0, 0.0], [0.0, 5.0], [1.0, 0.0]]])
    teacher = torch.tensor([[[7.0, 0.0], [3.0, 4.0], [-1.0, 0.0]]])
    # cosines 1 and 0.8; the padding's is -1
    assert cosine_loss(student, teacher, MASK).item() == near((0.0 + 0.2) / 2)


# Rows of two attended tokens and a padding one.
EVEN, SKEW, LAST = [0.5, 0.5, 0.0], [0.8, 0.2, 0.0], [0.2, 0.8, 0.0]


def heads(*rows_by_head):
    return torch.tensor([list(rows_by_head)])


def test_attention_loss_head_by_head():
    student = heads([EVEN, EVEN, LAST], [EVEN, EVEN, LAST])
    teacher = heads([SKEW, EVEN, SKEW], [LAST, EVEN, SKEW])
    # KL in row 0 of both heads, 0 in row 1, the padding's row does not count
    assert attention_loss(student, teacher, MASK).item() == near((2 * KL) / 4)


def test_attention_loss_of_other_numbers_of_heads_compares_their_means():
    teacher = heads([SKEW, SKEW, SKEW], [LAST, SKEW, SKEW])
    # row 0 is even on average, row 1 is (0.8, 0.2)
    student = heads([EVEN, EVEN, LAST])
    assert attention_loss(student, teacher, MASK).item() == near(KL / 2)


def test_attention_loss_looks_from_the_teacher():
    student, teacher = heads([SKEW, SKEW, SKEW]), heads([EVEN, EVEN, EVEN])
    expected = 0.5 * math.log(0.625) + 0.5 * math.log(2.5)
    assert attention_loss(student, teacher, MASK).item() == near(expected)


def test_attention_that_underflowed_costs_much_but_not_infinity():
    student = heads([[1.0, 0.0, 0.0], EVEN, EVEN]).requires_grad_()
    teacher = heads([[0.0, 1.0, 0.0], EVEN, EVEN])
    loss = attention_loss(student, teacher, MASK)
    # -ln of the smallest normal number, 2^-126, in one of two rows
    assert loss.item() == near(126 * math.log(2) / 2)
    loss.backward()
    assert torch.isfinite(student.grad).all()


SETS = torch.tensor([[1.0, 1.0], [0.0, 1.0]])  # sigmoid(ln 4) = 0.8, sigmoid(0) = 0.5


def test_binary_cross_entropy_of_sets():
    # text 0: -ln 0.8 and -ln 0.5; text 1: -ln 0.2 and -ln 0.5; the mean of the four
    expected = (0.2231436 + 0.6931472 + 1.6094379 + 0.6931472) / 4
    for kind in ("cross_entropy", "binary_cross_entropy"):
        assert hard_loss(LOGITS, SETS, kind=kind, weights=None).item() == near(expected)


def test_weighted_binary_cross_entropy_of_sets():
    # the weights are those of the ones: 2 * 0.2231436, 3 * 0.6931472, 1.6094379, 3 * 0.6931472
    loss = hard_loss(LOGITS, SETS, kind="cross_entropy", weights=torch.tensor([2.0, 3.0]))
    assert loss.item() == near((2 * 0.2231436 + 6 * 0.6931472 + 1.6094379) / 4)


def test_positive_weights():
    labels = torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])
    assert positive_weights(labels).tolist() == [3.0, 1.0, 1.0]  # 3 / 1; all; none


def test_binary_soft_loss():
    student, teacher = torch.zeros(1, 2), torch.tensor([[LN4, 0.0]])
    # the first label: KL((0.8, 0.2) || (0.5, 0.5)); the second agrees; the mean of two
    assert binary_soft_loss(student, teacher, temperature=1.0).item() == near(KL / 2)
    # ln 16 softened by 2 is ln 4, and the result is multiplied by 2^2
    softened = binary_soft_loss(student, torch.tensor([[LN16, 0.0]]), temperature=2.0)
    assert softened.item() == near(4 * KL / 2)
    # two teachers of 0.8 and 0.5: their mean is 0.65
    two = torch.tensor([[[LN4, 0.0]], [[0.0, 0.0]]])
    expected = (0.65 * math.log(0.65 / 0.5) + 0.35 * math.log(0.35 / 0.5)) / 2
    assert binary_soft_loss(student, two, temperature=1.0).item() == near(expected)


def test_distillation_of_sets():
    found = distillation_loss(
        torch.zeros(1, 2),
        torch.tensor([[LN4, 0.0]]),
        torch.tensor([[1.0, 0.0]]),
        temperature=1.0,
        alpha=0.25,
        kind="cross_entropy",
        weights=None,
    )
    assert found.item() == near(0.25 * KL / 2 + 0.75 * math.log(2))


@pytest.mark.parametrize("value", [1e4, -1e4])
def test_large_logits_of_sets(value):
    student = torch.tensor([[value, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-value, 0.0]])
    loss = binary_soft_loss(student, teacher, temperature=1.0)
    loss.backward()
    assert loss.item() == near(1e4 / 2) and torch.isfinite(student.grad).all()


def test_objective_of_sets():
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    settings = Training(class_weights=True)
    objective = label_objective(labels, settings, 2, torch.device("cpu"))
    output = SimpleNamespace(logits=torch.zeros(2, 2))
    # weights 1 / 2 and 2 / 1; texts 0 and 2, every logit 0: ln 2 times 0.5, 1 and 0.5, 2
    assert objective(output, None, [0, 2], 0.0).item() == near(math.log(2) * 4 / 4)
