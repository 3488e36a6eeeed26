"""Packed codes of 2 to 8 bits and the file of a dense model: what is written is what is read."""

import json

import numpy as np
import pytest

from emopress.errors import UserError
from emopress.runtime.codes import dequantize, pack, read_codes, unpack
from emopress.runtime.layers_file import OUTPUT, VECTORS, Layer, read_model, write_model
from emopress.runtime.packed import read_packed

RNG = np.random.default_rng(0)


def test_packing_by_hand():
    # 3 bits each, lowest first: 5 = 101, 1 = 001, 7 = 111 -> 1 111 001 101 | 0000000 1 from the right
    codes = np.array([5, 1, 7], dtype=np.uint8)
    assert pack(codes, 3).tolist() == [0b11001101, 0b00000001]
    assert pack(np.array([[3, 0], [1, 2]]), 2).tolist() == [0b10010011]
    assert pack(np.array([200, 7]), 8).tolist() == [200, 7]


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (16, 8), (0, 3)])
def test_unpacking_gives_the_codes_back(bits, shape):
    codes = RNG.integers(0, 2**bits, shape).astype(np.uint8)
    packed = pack(codes, bits)
    assert packed.nbytes == -(-codes.size * bits // 8)
    found = unpack(packed, bits, shape)
    assert np.array_equal(found, codes) and found.dtype == np.uint8


def test_too_large_a_code_and_too_few_bytes():
    with pytest.raises(ValueError, match="code 4 needs more than 2 bits"):
        pack(np.array([1, 4]), 2)
    with pytest.raises(ValueError, match="1 bytes for 6 codes of 2 bits"):
        unpack(np.zeros(1, dtype=np.uint8), 2, (2, 3))


def test_dequantization_by_hand():
    found = dequantize(np.array([0, 3, 7], dtype=np.uint8), 0.5, 3)
    assert found.tolist() == [-1.5, 0.0, 2.0] and found.dtype == np.float32


def layers(bits):
    vectors = Layer(VECTORS, RNG.integers(0, 2**bits, (5, 3)).astype(np.uint8), None, bits, 0.25, 2)
    bias = np.array([0.5, -0.5], dtype=np.float32)
    return [vectors, Layer(OUTPUT, RNG.normal(size=(3, 2)).astype(np.float32), bias)]


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_a_file_gives_its_layers_back(tmp_path, bits):
    words = ["bad", "good", "খারাপ"]
    given = layers(bits)
    write_model(tmp_path / "model.npz", words, given)
    found_words, found = read_model(tmp_path / "model.npz", "dense")
    assert found_words == words
    for one, other in zip(given, found, strict=True):
        assert np.array_equal(one.matrix, other.matrix)
        assert (one.name, one.bits, one.scale, one.zero_point) == (
            *(other.name, other.bits, other.scale, other.zero_point),
        )
    assert found[0].bias is None and np.array_equal(found[1].bias, given[1].bias)
    assert np.array_equal(found[0].weights(np.array([2])), (given[0].matrix[[2]] - 2.0) * 0.25)


def test_the_same_layers_are_the_same_bytes(tmp_path):
    given = layers(4)
    for name in ("a.npz", "b.npz"):
        write_model(tmp_path / name, ["a"], given)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_parameters():
    vectors = Layer(VECTORS, np.array([[2, 0], [2, 3]], dtype=np.uint8), None, 2, 1.0, 2)
    assert (vectors.params, vectors.nonzero_params) == (4, 2)  # code 2 is zero
    output = Layer(OUTPUT, np.array([[0.0, 1.0]]), np.array([0.0, 1.0]))
    assert (output.params, output.nonzero_params) == (4, 2)


def damaged(name):
    """Return arrays that are no dense model, in one way or another."""
    index = [{"name": VECTORS, "shape": [2, 2], "bits": 4, "scale": 1.0, "zero_point": 0}]
    output = {"name": OUTPUT, "shape": [2, 1], "bits": 32}
    text = {"words": np.frombuffer(b"a\nb", np.uint8)}
    arrays = {VECTORS: np.zeros(2, np.uint8), OUTPUT: np.zeros((2, 1), np.float32)}
    if name == "no index":
        return {**text, **arrays}
    if name == "few bytes":
        arrays[VECTORS] = np.zeros(1, np.uint8)
    if name == "pickle":
        arrays[OUTPUT] = np.array([{"a": 1}], dtype=object)
    entries = index if name == "no output" else [*index, output]
    return {**text, **arrays, "index": np.frombuffer(json.dumps(entries).encode(), np.uint8)}


@pytest.mark.parametrize("name", ["no index", "few bytes", "pickle", "no output"])
def test_what_is_no_dense_model_is_one_line(tmp_path, name):
    np.savez(tmp_path / "model.npz", **damaged(name))
    with pytest.raises(UserError, match=r"model\.npz: not a dense model of emopress \(") as caught:
        read_model(tmp_path / "model.npz", "dense")
    assert "\n" not in str(caught.value)


def test_a_cut_off_file_is_one_line(tmp_path):
    write_model(tmp_path / "model.npz", ["a"], layers(4))
    whole = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "model.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a dense model"):
        read_model(tmp_path / "model.npz", "dense")


@pytest.mark.parametrize(("read", "kind"), [(read_codes, "codes"), (read_packed, "packed weights")])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"text"])
def test_weights_beside_a_graph_that_are_spoiled_are_one_line(tmp_path, read, kind, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"weights\.npz: not {kind} of emopress \("):
        read(path)
