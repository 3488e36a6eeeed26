"""Batches: every text once, texts of similar length together, padding only where it is needed."""

import numpy as np
import pytest
import torch

from emopress.train.batches import Encoded, bucketed_batches, encode, in_order_batches
from emopress.train.tokenizer import pad_id, train_wordpiece

LENGTHS = np.random.default_rng(0).integers(3, 60, 1003).tolist()


def flat(batches):
    return [index for batch in batches for index in batch]


@pytest.mark.parametrize("size", [1, 8, 7, 2000])
def test_every_index_once(size):
    batches = bucketed_batches(LENGTHS, size, np.random.default_rng(1))
    assert sorted(flat(batches)) == list(range(1003))
    assert max(map(len, batches)) <= size
    assert sorted(flat(in_order_batches(LENGTHS, size))) == list(range(1003))


def test_number_of_batches_is_what_the_schedule_counts_with():
    assert len(bucketed_batches(LENGTHS, 8, np.random.default_rng(1))) == 126  # ceil(1003 / 8)


def test_same_generator_same_batches_and_other_epochs_others():
    def batches(epoch):
        return bucketed_batches(LENGTHS, 8, np.random.default_rng([4, epoch]))

    assert batches(1) == batches(1)
    assert batches(1) != batches(2)


def test_buckets_save_padding():
    def padded(batches):
        return sum(len(batch) * max(LENGTHS[i] for i in batch) for batch in batches)

    order = np.random.default_rng(1).permutation(1003).tolist()
    shuffled = [order[at : at + 8] for at in range(0, 1003, 8)]
    bucketed = padded(bucketed_batches(LENGTHS, 8, np.random.default_rng(1)))
    assert sum(LENGTHS) <= bucketed < 0.75 * padded(shuffled)


def test_batches_are_not_sorted_by_length():
    means = [np.mean([LENGTHS[i] for i in b]) for b in bucketed_batches(LENGTHS, 8, _rng())]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


def _rng():
    return np.random.default_rng(2)


def test_padding_and_mask():
    data = Encoded([[5, 6, 7], [8]], torch.tensor([1, 0]), pad_id=9)
    batch = data.batch([1, 0], torch.device("cpu"))
    assert batch["input_ids"].tolist() == [[8, 9, 9], [5, 6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]


def test_encoding_cuts_but_does_not_pad():
    tokenizer = train_wordpiece(["one two three four"] * 3, vocab_size=60, lowercase=True)
    padding = pad_id(tokenizer)
    data = encode(tokenizer, ["one two three four", "one"], [1, 0], max_length=4, pad_id=padding)
    assert [len(ids) for ids in data.ids] == [4, 3]
    ends = {tokenizer.token_to_id("[SEP]")}
    assert {ids[-1] for ids in data.ids} == ends
    assert data.labels.tolist() == [1, 0] and data.labels.dtype == torch.long
