"""The convolutional family: by hand, as PyTorch computes it, whatever is beside a text, in few bits and few bytes."""

import json
import shutil
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import NFC

from emopress.artifact import BUNDLE, read_json
from emopress.bundle.quantize_affine import coded_conv, quantize_affine
from emopress.checkpoint import read_checkpoint
from emopress.conv.export import check_network, export_conv, layers_of, model_of
from emopress.conv.model import ConvModel
from emopress.conv.onnx_graph import write_conv
from emopress.conv.pieces import Pieces, check_ids, pieces_of
from emopress.conv.train import train_conv
from emopress.conv.wide_texts import WithNgrams
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.linear.export import export_linear
from emopress.linear.train import train_linear
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.convolution import Network, beside
from emopress.runtime.layers_file import OUTPUT, VECTORS, Layer, read_model, write_compact
from emopress.runtime.ngrams import KnownNgrams
from emopress.runtime.normalise import normalise_text
from emopress.runtime.wide import Wide, WideFeatures
from emopress.tasks import label_array
from emopress.train.batches import Encoded
from emopress.train.ngram_features import chi_square
from emopress.train.run import TrainingRun
from emopress.train.spans import joined_spans
from emopress.train.splits import read_split
from emopress.train.tokenizer import train_words, wordpiece
from plain_entries import built

SHAPE = {
    "family": "conv",
    "width": 6,
    "filters": 10,
    "kernels": [2, 3],
    "initial_sd": 0.5,
    "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
}
TRAIN = {"epochs": 8, "batch_size": 16, "learning_rate": 0.02}
PIECES = ["[UNK]", "##s", "cat", "cats", "good", "খারাপ"]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, demo, filled, training):
    """Return a function that trains a model of some shape once, exports it and returns where it is."""
    made = {}

    def train(language="en", **changes):
        key = language, json.dumps(changes)
        if key not in made:
            corpus, folder = demo[language], tmp_path_factory.mktemp("conv")
            step = filled("conv", **{**SHAPE, **changes, "train": training(**TRAIN)})
            train_conv(
                step=built(step),
                data=corpus.data,
                seed=0,
                device="cpu",
                train=corpus.train,
                validation=corpus.validation,
                run=TrainingRun(folder / "state", code="tests"),
                out=folder / "checkpoint",
            )
            export_conv(folder / "checkpoint", folder / "bundle")
            made[key] = SimpleNamespace(folder=folder, corpus=corpus, bundle=folder / "bundle")
        return made[key]

    return train


def layers(*, kernels=(2, 3), width=4, filters=3, labels=2, features=12):
    def some(*shape):
        return RNG.normal(size=shape).astype(np.float32)

    return [
        Layer(VECTORS, some(len(PIECES), width)),
        *(Layer(f"kernel{k}", some(filters, k * width), some(filters)) for k in kernels),
        Layer(OUTPUT, some(labels, features), some(labels)),
    ]


def by_hand(ids, given, kernels, pooling):
    """Return the logits of some ids as the definition has them, in float64 and loops."""
    table, *filters, output = ((x.weights().astype(float), x.bias) for x in given)
    values = []
    for size, (weights, bias) in zip(kernels, filters, strict=True):
        for row, shift in zip(weights.reshape(len(weights), size, -1), bias, strict=True):
            found = []
            for place in range(len(ids)):
                total = float(shift)
                for offset in range(size):
                    at = place + offset - (size - 1) // 2
                    if 0 <= at < len(ids):
                        total += float(row[offset] @ table[0][ids[at]])
                found.append(max(total, 0.0))
            values.append(found)
    pools = {"max": max, "mean": lambda found: sum(found) / len(found)}
    features = [pools[name](found) for name in pooling.split("+") for found in values]
    return output[0] @ np.array(features) + output[1]


@pytest.mark.parametrize("pooling", ["max", "mean", "max+mean"])
@pytest.mark.parametrize("kernels", [(1,), (3, 5), (2, 3, 4)])
def test_the_network_by_hand(kernels, pooling):
    given = layers(kernels=kernels, features=3 * len(kernels) * len(pooling.split("+")))
    network = Network(given, pooling=pooling, max_length=9)
    for ids in ([2], [2, 1], [5, 4, 0, 3, 2, 1, 1, 5, 0]):
        expected = by_hand(ids, given, kernels, pooling)
        assert np.allclose(network(np.array(ids)), expected, atol=1e-5)
    assert np.array_equal(network(np.array([], dtype=np.int64)), given[-1].bias)


def test_what_stands_beside_a_text():
    assert [beside(kernel) for kernel in (1, 2, 3, 4, 5)] == [
        (0, 0),
        (0, 1),
        (1, 1),
        (1, 2),
        (2, 2),
    ]


def torch_model(pooling="max+mean"):
    torch.manual_seed(0)
    model = ConvModel(
        rows=20,
        classes=3,
        width=4,
        filters=5,
        kernels=[2, 5],
        pooling=pooling,
        dropout=0.5,
        embedding_dropout=0.5,
        spread=1.0,
    )
    return model.eval()


@pytest.mark.parametrize("pooling", ["max", "mean", "max+mean"])
def test_pytorch_gives_what_numpy_gives_with_padding_and_without(pooling):
    model = torch_model(pooling)
    with torch.no_grad():  # filters whose values are all below zero, so that padding could show
        model.convolutions[0].bias[:3] = -9
    facts = {"labels": ["a", "b", "c"], "kernels": [2, 5], "pooling": pooling}
    weights = model.arrays()
    assert weights["embedding.weight"].shape == (20, 4)  # without the padding's
    network = Network(layers_of(weights, [2, 5]), pooling=pooling, max_length=12)
    check_network(network, model_of(weights, facts), "here")
    ids = torch.tensor(
        [[3, 7, 1], [4, 20, 20], [20, 20, 20]]
    )  # a text without tokens is one padding
    logits = model(ids, torch.ones_like(ids)).logits.detach().numpy()
    for row, tokens in zip(logits, ([3, 7, 1], [4], []), strict=True):
        assert np.allclose(row, network(np.array(tokens, dtype=np.int64)), atol=1e-5)
    with torch.no_grad():
        model.convolutions[0].bias[0] += 20
    with pytest.raises(UserError, match=r"here: exported logits differ from PyTorch's by \d"):
        check_network(network, model, "here")


def test_padding_learns_nothing():
    model = torch_model().train()
    ids = torch.tensor([[3, 20], [20, 20]])
    model(ids, torch.ones_like(ids)).logits.sum().backward()
    gradient = model.embedding.weight.grad
    assert (
        gradient[3].abs().sum() > 0
        and not gradient[20].any()
        and not model.embedding.weight[20].any()
    )


def test_it_learns_and_ships_what_it_learnt(trained):
    model = trained()
    truth = pandas.read_parquet(model.corpus.test)
    texts, labels = truth["text"].tolist(), truth["label"].to_numpy()
    classifier = load(model.bundle)
    logits = classifier.predict_logits(texts)
    assert np.mean(logits.argmax(1) == labels) > 0.6
    facts = read_checkpoint(model.folder / "checkpoint").manifest
    manifest = read_bundle(model.bundle).manifest
    assert facts["params"] == sum(layer.params for layer in classifier.layers)
    assert set(manifest) == {
        *("files", "format", "labels", "lowercase", "max_length", "normalise", "pooling"),
        *("provenance", "runtime", "strip_accents"),
    }
    assert list(manifest["files"]) == ["model.npz"]
    # as PyTorch and the tokenizers package have it, from the checkpoint alone
    tokenizer = Tokenizer.from_file(str(model.folder / "checkpoint" / "tokenizer.json"))
    weights = load_file(model.folder / "checkpoint" / "model.safetensors")
    network = model_of(weights, facts)
    for text, row in list(zip(texts, logits, strict=True))[:20]:
        ids = tokenizer.encode(normalise_text(text, method="none")).ids
        expected = network(torch.tensor([ids]), torch.ones(1, len(ids))).logits[0]
        assert np.allclose(expected.detach().numpy(), row, atol=1e-5)


def test_a_text_is_what_it_is_by_itself_whatever_is_beside_it(trained):
    model = trained()
    texts = [*read_split(model.corpus.test).texts[:40], "", "  ", "☃", "a", "i feel good " * 40]
    classifier = load(model.bundle)
    alone = np.concatenate([classifier.predict_logits([text]) for text in texts])
    assert np.array_equal(alone, classifier.predict_logits(texts, batch_size=32))
    assert np.array_equal(alone[40], alone[41])
    limit = model.corpus.data["max_length"]
    assert classifier.too_long([texts[-1], texts[0]]) == [True, False]
    cut = classifier.tokenizer(texts[-1])
    assert len(cut) == limit


def test_bengali_keeps_its_vowel_signs(trained):
    model = trained("bn")
    classifier = load(model.bundle)
    facts = read_bundle(model.bundle).manifest
    assert (facts["lowercase"], facts["strip_accents"]) == (True, False)
    first, second = (classifier.tokenizer(text) for text in ("খারাপ", "খরপ"))
    assert first != second


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("symmetric", [True, False])
def test_few_bits(trained, filled, tmp_path, bits, symmetric):
    model = trained()
    entry = filled(
        "q", kind="quantize", method="affine", bits=bits, percentile=100, symmetric=symmetric
    )
    quantize_affine(
        parent=model.bundle,
        step=typed_step(entry),
        validation=model.corpus.validation,
        out=tmp_path / "q",
    )
    full, rounded = load(model.bundle), load(tmp_path / "q")
    texts = read_split(model.corpus.test).texts[:100]
    gap = np.abs(full.predict_logits(texts) - rounded.predict_logits(texts)).max()
    assert (0 < gap < 0.3) if bits == 8 else gap > 0
    for one, other in zip(full.layers, rounded.layers, strict=True):
        scale = np.asarray(other.scale)
        assert other.bits == bits and scale.shape == (len(one.matrix), 1)
        most = 0.5 if symmetric else 1.0  # an asymmetric zero point is rounded too
        assert np.all(np.abs(other.weights() - one.weights()) <= most * scale * (1 + 1e-3))
        spans = np.abs(one.matrix).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        if symmetric:  # float8 is a quarter coarser at most
            assert np.all((scale >= spans * (1 - 1e-3)) & (scale <= 1.26 * spans))
    again = load(tmp_path / "q").predict_logits(texts)
    assert np.array_equal(again, rounded.predict_logits(texts))


def test_the_search_takes_percentiles_layer_by_layer(trained, filled, tmp_path):
    model = trained()
    entry = filled("q", kind="quantize", method="affine", bits=3, search=[90, 100])
    quantize_affine(
        parent=model.bundle,
        step=typed_step(entry),
        validation=model.corpus.validation,
        out=tmp_path / "q",
    )
    (found,) = read_bundle(tmp_path / "q").facts["findings"].values()
    assert list(found["quantized_layers"]) == [VECTORS, "kernel2", "kernel3", OUTPUT]
    assert all(len(x["validation_by_percentile"]) == 2 for x in found["quantized_layers"].values())
    truth = pandas.read_parquet(model.corpus.validation)
    given = load(tmp_path / "q").predict_logits(truth["text"].tolist()).argmax(1)
    expected = f1_score(truth["label"], given, average="macro", zero_division=0)
    assert found["validation_macro_f1_after"] == pytest.approx(expected)


def test_a_file_gives_its_layers_back(tmp_path):
    given = layers()
    write_compact(tmp_path / "full.npz", PIECES, given)
    words, found = read_model(tmp_path / "full.npz", "conv")
    assert words == PIECES
    for one, other in zip(given, found, strict=True):
        assert np.array_equal(one.matrix, other.matrix) and one.name == other.name
        assert one.bias is None or np.array_equal(one.bias, other.bias)
    for symmetric in (True, False):
        step = typed_step(
            {
                **{"name": "q", "kind": "quantize", "method": "affine", "bits": 5},
                **{"symmetric": symmetric, "percentile": 100},
            }
        )
        coded = [coded_conv(layer, step, 100)[0] for layer in given]
        write_compact(tmp_path / "few.npz", PIECES, coded)
        for one, other in zip(coded, read_model(tmp_path / "few.npz", "conv")[1], strict=True):
            assert np.array_equal(one.weights(), other.weights()) and other.bits == 5
            assert one.bias is None or np.array_equal(one.bias, other.bias)
        names = {"index.npy", "pieces.npy", "codes.npy", "scales.npy", "numbers.npy"}
        with zipfile.ZipFile(tmp_path / "few.npz") as archive:
            assert set(archive.namelist()) == (names if symmetric else names | {"zero_points.npy"})
    first = (tmp_path / "few.npz").read_bytes()
    write_compact(tmp_path / "again.npz", PIECES, coded)
    assert (tmp_path / "again.npz").read_bytes() == first


def test_what_float8_does_not_hold_is_no_scale(tmp_path):
    table = Layer(VECTORS, np.ones((6, 2), np.uint8), None, 4, np.full((6, 1), 1.1), 7)
    with pytest.raises(ValueError, match="a scale that float8 does not hold"):
        write_compact(tmp_path / "model.npz", PIECES, [table])


def spoilt(folder, change):
    """Write the model of a bundle anew after a change to its layers."""
    words, found = read_model(folder / "model.npz", "conv")
    write_compact(folder / "model.npz", *change(words, found))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words, found: (words[:-1], found), r"300 vectors for 299 pieces|vectors for"),
        (lambda words, found: (words, [found[0], found[-1]]), "no kernels over vectors of 6"),
        (lambda words, found: (words, [*found[:2], found[-1]]), "an output of"),
        (lambda words, found: (["x", *words[1:]], found), r"no \[UNK\]"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(copied_conv, change, said):
    spoilt(copied_conv, change)
    with pytest.raises(UserError, match=said) as caught:
        load(copied_conv, verify=False)
    assert "\n" not in str(caught.value) and "model.npz: does not fit its bundle.json" in str(
        caught.value
    )


@pytest.fixture
def copied_conv(trained, tmp_path):
    """Return the folder of a copy of a bundle, to spoil."""
    return shutil.copytree(trained().bundle, tmp_path / "bundle")


def test_a_cut_off_stream_is_one_line(copied_conv):
    path = copied_conv / "model.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "numbers": arrays["numbers"][:-1]})
    with pytest.raises(UserError, match=r"not a conv model of emopress \(\d+ elements for \d+\)"):
        load(copied_conv, verify=False)


@pytest.mark.parametrize("damage", ["pieces", "deflated", "nothing"])
def test_a_damaged_file_is_one_line(copied_conv, damage):
    path = copied_conv / "model.npz"
    if damage == "pieces":
        arrays = dict(np.load(path))
        np.savez(path, **{**arrays, "pieces": np.frombuffer(b"\x00a\x05b", dtype=np.uint8)})
    elif damage == "deflated":
        with zipfile.ZipFile(path) as whole:
            name = whole.getinfo("pieces.npy")
        content = bytearray(path.read_bytes())
        start = name.header_offset + 30 + len("pieces.npy") + 20  # of the local header's own
        content[start : start + 40] = b"\xff" * 40
        path.write_bytes(content)
    else:
        path.write_bytes(b"")
    with pytest.raises(UserError, match="not a conv model of emopress"):
        load(copied_conv, verify=False)


def test_pieces_are_sorted_without_special_tokens():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "a", "##a", "\x01"]
    given = wordpiece({piece: i for i, piece in enumerate(vocabulary)}, lowercase=True)
    found = pieces_of(given, name="m")
    assert found == Pieces(["[UNK]", "##a", "a", "b"], True, False)
    assert found.tokenizer().encode("AA [CLS] b").tokens == [
        "a",
        "##a",
        "[UNK]",
        "[UNK]",
        "[UNK]",
        "b",
    ]
    assert pieces_of(found.tokenizer(), name="m") == found
    check_ids(found, ["AA b", "", "c \u200b [UNK]"])


def test_other_tokenizers_are_refused_by_name():
    words = train_words(["a b a b"], vocab_size=100, lowercase=True)
    with pytest.raises(UserError, match=r"models\.m\.tokenizer: .* has model\.type 'WordLevel'"):
        pieces_of(words, name="m")
    with pytest.raises(UserError, match=r"has model\.type 'BPE' \(expected 'WordPiece'\)"):
        pieces_of(Tokenizer(BPE()), name="m")
    other = wordpiece({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}, lowercase=True)
    other.add_tokens(["<user>"])
    with pytest.raises(UserError, match="has a token of its own, '<user>'"):
        pieces_of(other, name="m")
    other = wordpiece({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}, lowercase=True)
    other.normalizer = NFC()
    with pytest.raises(
        UserError, match=r"has normalizer\.type 'NFC' \(expected 'BertNormalizer'\)"
    ):
        pieces_of(other, name="m")


def test_ids_that_a_bundle_would_not_give_are_refused(monkeypatch):
    from emopress.conv import pieces

    given = Pieces(["[UNK]", "a", "b"], True, False)

    class Other:
        def __init__(self, *args, **kwargs): ...

        def __call__(self, text):
            return [1]

    monkeypatch.setattr(pieces, "PlainWordPiece", Other)
    check_ids(given, ["a"])
    with pytest.raises(
        UserError, match="tokenizer: 'b' has other ids without the tokenizers package"
    ):
        check_ids(given, ["a", "b"])


def test_the_size_of_a_bundle_is_weights_words_and_little_else(trained, filled, tmp_path):
    """In 4 bits: half a byte a weight, a byte a row, two a bias, front-coded pieces, 2 kB of all else."""
    model = trained()
    entry = filled("q", kind="quantize", method="affine", bits=4, percentile=100)
    quantize_affine(
        parent=model.bundle,
        step=typed_step(entry),
        validation=model.corpus.validation,
        out=tmp_path / "q",
    )
    words, found = read_model(tmp_path / "q" / "model.npz", "conv")
    weights = sum(layer.matrix.size for layer in found) / 2
    rows = sum(len(layer.matrix) for layer in found)
    biases = 2 * sum(len(layer.bias) for layer in found[1:])
    files = [tmp_path / "q" / name for name in ("model.npz", BUNDLE)]
    size = sum(path.stat().st_size for path in files)
    assert size < weights + rows + biases + len("".join(words)) + 2000
    assert read_bundle(tmp_path / "q").size_bytes == size
    assert read_json(tmp_path / "q" / BUNDLE)["files"].keys() == {"model.npz"}


WIDE = {"ngrams": [2, 3], "features": 200, "min_count": 3}


def test_the_features_of_n_grams_by_hand():
    known = KnownNgrams(["ab", "b ", " x", "x "], kind="char_wb", ngrams=[2, 2])
    idf = np.array([2.0, 3.0, 1.0, 1.0], dtype=np.float32)
    indices, values = WideFeatures(known, idf)("ab abab q")  # "ab" three times, "b " twice
    found = dict(zip(indices.tolist(), values.tolist(), strict=True))
    thrice, twice = 2 * (1 + np.log(3)), 3 * (1 + np.log(2))
    norm = np.hypot(thrice, twice)
    assert found == pytest.approx({0: thrice / norm, 1: twice / norm})
    matrix = RNG.normal(size=(2, 4)).astype(np.float32)
    wide = Wide(known, Layer("idf", idf[None]), Layer("wide", matrix))
    expected = matrix[:, 0] * found[0] + matrix[:, 1] * found[1]
    assert np.allclose(wide("ab abab q"), expected, atol=1e-6)
    assert np.array_equal(wide("q"), np.zeros(2)) and np.array_equal(wide(""), np.zeros(2))


def test_the_wide_part_is_added_to_the_logits(trained):
    """As PyTorch and scikit-learn have it, from the checkpoint alone."""
    model = trained(wide=WIDE)
    checkpoint, classifier = model.folder / "checkpoint", load(model.bundle)
    facts, grams = read_checkpoint(checkpoint).manifest, read_json(checkpoint / "ngrams.json")
    assert len(grams) == 200 and facts["wide_ngrams"] == [2, 3]
    assert read_bundle(model.bundle).manifest["wide_ngrams"] == [2, 3]
    assert facts["params"] == sum(layer.params for layer in classifier.layers)
    train = read_split(model.corpus.train)
    every = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), min_df=3, sublinear_tf=True)
    scores = chi_square(every.fit_transform(train.texts), np.array(train.labels))
    best = np.sort(np.argsort(-scores, kind="stable")[:200])
    assert grams == every.get_feature_names_out()[best].tolist()
    weights = load_file(checkpoint / "model.safetensors")
    assert np.abs(weights["wide.weight"]).max() > 0.01
    network = model_of(weights, facts)
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    counted = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 3), vocabulary=grams, sublinear_tf=True
    )
    texts = [*read_split(model.corpus.test).texts[:20], "☃"]
    wide = counted.fit(train.texts).transform(texts) @ weights["wide.weight"]
    for text, more, row in zip(texts, wide, classifier.predict_logits(texts), strict=True):
        ids = tokenizer.encode(text).ids or [network.padding]
        expected = network(torch.tensor([ids]), torch.ones(1, len(ids))).logits[0].detach().numpy()
        assert np.allclose(expected + more, row, atol=1e-5)
    assert classifier.tokenizer(texts[0]) == tokenizer.encode(texts[0]).ids
    first = classifier.predict_logits(texts)
    remembered = len(classifier.memory)
    classifier.memory.forget()
    assert not classifier.wide.features.known.memory and len(classifier.memory) < remembered
    assert np.array_equal(classifier.predict_logits(texts), first)


def test_a_batch_has_the_n_grams_of_its_texts():
    known = KnownNgrams(["ab", "b "], kind="char_wb", ngrams=[2, 2])
    texts, features = ["ab abab", "q", "ab"], WideFeatures(known, np.float32([1, 2]))
    encoded = WithNgrams.of(Encoded([[1], [2, 3], [4]], torch.zeros(3), 9), texts, features)
    batch = encoded.batch([2, 1, 0], torch.device("cpu"))
    assert batch["ngram_starts"].tolist() == [0, 2, 2]
    one, two = features(texts[2]), features(texts[0])
    assert batch["ngrams"].tolist() == [*one[0], *two[0]]
    assert batch["ngram_values"].tolist() == [*one[1].tolist(), *two[1].tolist()]
    assert batch["input_ids"].tolist() == [[4, 9], [2, 3], [1, 9]]
    model = ConvModel(
        rows=9, classes=2, width=3, filters=2, kernels=[1], pooling="max", dropout=0.0,
        embedding_dropout=0.0, spread=1.0, ngrams=2,
    ).eval()  # fmt: skip
    with torch.no_grad():
        model.wide.weight.normal_()
    whole = model(**batch).logits
    without = model(batch["input_ids"], batch["attention_mask"]).logits
    weights = model.wide.weight.detach().numpy()
    added = np.stack([values @ weights[grams] for grams, values in map(features, texts[::-1])])
    assert np.allclose((whole - without).detach().numpy(), added, atol=1e-6)


@pytest.mark.parametrize("keys", [{"percentile": 100}, {"search": [99, 100]}])
def test_the_wide_part_in_few_bits(trained, filled, tmp_path, keys):
    model = trained(wide=WIDE)
    entry = filled("q", kind="quantize", method="affine", bits=8, **keys)
    quantize_affine(
        parent=model.bundle,
        step=typed_step(entry),
        validation=model.corpus.validation,
        out=tmp_path / "q",
    )
    full, rounded = load(model.bundle), load(tmp_path / "q")
    assert [layer.bits for layer in rounded.layers] == [8] * 6
    (found,) = read_bundle(tmp_path / "q").facts["findings"].values()
    assert list(found["quantized_layers"]) == [VECTORS, "kernel2", "kernel3", "idf", "wide", OUTPUT]
    wide = next(layer for layer in rounded.layers if layer.name == "wide")
    assert wide.matrix.shape == (6, 200) and wide.scale.shape == (6, 1) and wide.bias is None
    texts = read_split(model.corpus.test).texts[:50]
    gap = np.abs(full.predict_logits(texts) - rounded.predict_logits(texts)).max()
    assert 0 < gap < 0.3


def test_a_wide_part_that_does_not_fit_is_one_line(trained, tmp_path):
    def fewer(place):
        def change(words, found):
            found[place] = replace(found[place], matrix=found[place].matrix[1:])
            return words, found

        return change

    for name, change, said in (
        ("words", lambda words, found: (words[:-1], found), "vectors for"),
        ("none", lambda words, found: (words, [*found[:3], found[5]]), "vectors for"),
        ("idf", lambda words, found: (words, [*found[:3], *found[4:]]), "other idf than of 200"),
        ("labels", fewer(4), "a wide part of 5 outputs for 6 labels"),
    ):
        folder = shutil.copytree(trained(wide=WIDE).bundle, tmp_path / name)
        spoilt(folder, change)
        with pytest.raises(UserError, match=said) as caught:
            load(folder, verify=False)
        assert "\n" not in str(caught.value)


def test_a_wide_part_and_its_key_come_together(trained, tmp_path):
    for name, shape, change in (
        ("without", {"wide": WIDE}, lambda facts: facts.pop("wide_ngrams")),
        ("with", {}, lambda facts: facts.update(wide_ngrams=[2, 3])),
    ):
        folder = shutil.copytree(trained(**shape).bundle, tmp_path / name)
        facts = read_json(folder / BUNDLE)
        change(facts)
        (folder / BUNDLE).write_text(json.dumps(facts))
        with pytest.raises(UserError, match="a wide part without wide_ngrams, or the other way"):
            load(folder, verify=False)


def test_a_wide_part_has_no_onnx_graph(trained, tmp_path):
    with pytest.raises(UserError, match="with a wide part has no ONNX graph"):
        write_conv(read_bundle(trained(wide=WIDE).bundle), tmp_path / "model.onnx")


def test_a_wide_student_learns_from_joined_spans(taught):
    folders = [taught(name, with_spans=True, wide=WIDE) for name in ("wide", "wide again")]
    first, second = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    without = load_file(taught("wide without", wide=WIDE) / "model.safetensors")
    assert not np.array_equal(without["wide.weight"], first["wide.weight"])


@pytest.fixture(scope="module")
def taught(tmp_path_factory, demo, filled, training):
    """A linear teacher's bundle and its logits of the training texts; joined spans and its logits of these."""
    corpus, root = demo["en"], tmp_path_factory.mktemp("taught")
    train_linear(
        step=typed_step(filled("linear", family="linear", name="linear")),
        data=corpus.data,
        seed=0,
        train=corpus.train,
        validation=corpus.validation,
        out=root / "linear",
    )
    export_linear(root / "linear", root / "teacher")
    joined_spans(train=corpus.train, texts=300, folds=3, seed=0, out=root / "spans.parquet")
    for texts, name in ((corpus.train, "logits"), (root / "spans.parquet", "spans-logits")):
        teacher_logits(root / "teacher", texts, root / name, threads=1)

    def run(name, epochs=1, with_spans=False, alpha=1.0, **changes):
        step = filled("distill", name="kd", kind="distill", student="small", alpha=alpha)
        shape = {**SHAPE, **changes, "train": training(**TRAIN)}
        student = filled("conv", name="small", **shape)
        settings = training(**{**TRAIN, "epochs": epochs})
        spans = {"spans": root / "spans.parquet", "spans_logits": [root / "spans-logits"]}
        train_conv(
            step=built({**step, "train": settings, "student_model": student}),
            data=corpus.data,
            seed=0,
            device="cpu",
            train=corpus.train,
            validation=corpus.validation,
            teacher=root / "teacher",
            teacher_logits=[root / "logits"],
            run=TrainingRun(root / "state", code="tests"),
            out=root / name,
            **(spans if with_spans else {}),
        )
        return root / name

    run.teacher = root / "teacher"
    return run


def test_a_student_learns_what_its_teacher_says(taught, demo, tmp_path):
    made = taught("kd", epochs=10)
    facts = read_checkpoint(made).manifest
    assert [step["name"] for step in facts["recipe"]] == ["linear", "kd"]
    assert facts["family"] == "conv"
    export_conv(made, tmp_path / "bundle")
    texts = read_split(demo["en"].test).texts
    own, others = (
        load(folder).predict_logits(texts).argmax(1)
        for folder in (tmp_path / "bundle", taught.teacher)
    )
    assert np.mean(own == others) > 0.6


def test_joined_spans_are_learnt_from_and_decide_no_pieces(taught):
    folders = [
        taught("without"),
        taught("with", with_spans=True),
        taught("again", with_spans=True),
    ]
    tokenizers = [(folder / "tokenizer.json").read_bytes() for folder in folders]
    assert tokenizers[0] == tokenizers[1]
    first, second, third = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(np.array_equal(second[name], third[name]) for name in second)
    assert not np.array_equal(first["output.weight"], second["output.weight"])


def test_any_number_of_labels(sets, filled, training, tmp_path):
    files, data = sets
    train_conv(
        step=built(filled("conv", **{**SHAPE, "train": training(**TRAIN)})),
        data=data,
        seed=0,
        device="cpu",
        train=files["train"],
        validation=files["validation"],
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    export_conv(tmp_path / "checkpoint", tmp_path / "bundle")
    entry = filled("q", kind="quantize", method="affine", bits=4, search=[99, 100])
    quantize_affine(
        parent=tmp_path / "bundle",
        step=typed_step(entry),
        validation=files["validation"],
        out=tmp_path / "q",
    )
    truth = pandas.read_parquet(files["test"])
    labels = label_array(truth["label"].tolist(), len(data["labels"]))
    for folder in (tmp_path / "bundle", tmp_path / "q"):
        classifier = load(folder)
        given = classifier.predict_proba(truth["text"].tolist()) >= classifier.thresholds
        assert f1_score(labels, given, average="micro") > 0.5
