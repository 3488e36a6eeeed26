"""Encoders: three architectures from scratch, sizes by hand, and checkpoints that do not fit."""

import pytest
import torch
from torch import nn

from emopress.errors import UserError
from emopress.train.transformer import ARCHITECTURES, build_transformer, count_parameters
from plain_entries import transformer

LABELS = ["sadness", "joy", "love"]
SHAPE = {"layers": 2, "width": 16, "heads": 2, "ffn": 32, "dropout": 0.1}


def build(architecture="bert", *, pretrained=None, vocab_size=50, max_length=24, **shape):
    init = None if pretrained else {"architecture": architecture, **SHAPE, **shape}
    return build_transformer(
        transformer(init),
        labels=LABELS,
        vocab_size=vocab_size,
        max_length=max_length,
        pad=0,
        pretrained=pretrained,
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_from_scratch(architecture):
    torch.manual_seed(0)
    model = build(architecture)
    config = model.config
    assert config.model_type == architecture
    assert [config.id2label[i] for i in range(3)] == LABELS
    assert config.label2id == {"sadness": 0, "joy": 1, "love": 2}
    assert config.max_position_embeddings == 24
    ids = torch.randint(1, 50, (2, 24))
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (2, 3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_nothing(architecture):
    model = build(architecture).eval()
    ids = torch.randint(1, 50, (1, 6))
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    with torch.no_grad():
        alone = model(input_ids=ids, attention_mask=torch.ones(1, 6)).logits
        mask = torch.tensor([[1] * 6 + [0] * 4])
        assert torch.allclose(model(input_ids=padded, attention_mask=mask).logits, alone, atol=1e-5)


@pytest.mark.parametrize("heads", [6, 12])
def test_size_of_the_papers_student(heads):
    """DistilBERT with 3 layers of 384 and mBERT's vocabulary: 52 M parameters, on no memory."""
    with torch.device("meta"):
        model = build_transformer(
            transformer(
                {
                    "architecture": "distilbert",
                    "layers": 3,
                    "width": 384,
                    "heads": heads,
                    "ffn": 1536,
                    "dropout": 0.1,
                }
            ),
            labels=list("abcdef"),
            vocab_size=119_547,
            max_length=128,
            pad=0,
            pretrained=None,
        )
    embeddings = 119_547 * 384 + 128 * 384 + 2 * 384
    attention = 4 * (384 * 384 + 384)
    feed_forward = (384 * 1536 + 1536) + (1536 * 384 + 384)
    layers = 3 * (attention + feed_forward + 2 * (2 * 384))
    head = (384 * 384 + 384) + (384 * 6 + 6)
    found = sum(p.numel() for p in model.parameters())
    assert found == embeddings + layers + head
    assert 51e6 < found < 52e6


def test_counting():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight[0] = 0.0
    assert count_parameters(model) == (8, 5)
    tied = nn.ModuleList([nn.Embedding(4, 3), nn.Linear(3, 4, bias=False)])
    tied[1].weight = tied[0].weight
    assert count_parameters(tied)[0] == 12


@pytest.fixture
def published(tmp_path):
    """A checkpoint with other labels: 50 entries, 24 positions."""
    build("bert").save_pretrained(tmp_path)
    return tmp_path


def test_from_a_checkpoint(published):
    model = build(pretrained=published)
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.dtype == torch.float32


def test_a_new_head_replaces_one_of_another_size(published):
    model = build_transformer(
        transformer(),
        labels=list("abcde"),
        vocab_size=50,
        max_length=24,
        pad=0,
        pretrained=published,
    )
    assert model.classifier.weight.shape == (5, 16)
    assert not torch.isnan(model.classifier.weight).any()


def test_vocabulary_larger_than_the_embeddings(published):
    with pytest.raises(UserError, match=r"tokenizer has 51 entries.*only 50"):
        build(pretrained=published, vocab_size=51)


def test_texts_longer_than_the_positions(published):
    with pytest.raises(UserError, match="max_length is 25, the checkpoint has 24 positions"):
        build(pretrained=published, max_length=25)


def test_unknown_architecture(tmp_path):
    from transformers import GPT2Config

    GPT2Config(n_layer=1, n_embd=16, n_head=2).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="a gpt2 checkpoint; emopress takes bert, distilbert"):
        build(pretrained=tmp_path)
