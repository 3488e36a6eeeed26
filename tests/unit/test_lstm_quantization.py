"""LSTM quantization: rounding and path-following by hand, the recurrence, the graphs, the diagnosis."""

import numpy as np
import pytest
from lstm_models import LABELS, sentences, session, weights_in, weights_of

from emopress.lstm import forward
from emopress.lstm.fused_graph import fused_graph
from emopress.lstm.integer_graph import integer_graph
from emopress.lstm.integers import (
    STATE,
    Activation,
    RunTime,
    activation_facts,
    activation_of,
    column_scales,
    kolmogorov_smirnov,
    round_table,
    round_to_nearest,
    weight_facts,
)
from emopress.lstm.path_following import path_following
from emopress.lstm.post_training import Settings, quantized_network
from emopress.lstm.weights import onnx_gates

MIN_MAX = {"percentile": 100}


def steps_of(found):
    return found.centred.astype(int).T.tolist()


def test_a_scale_per_neuron_by_hand():
    # 3 bits: three steps on either side; magnitudes up to 3 and 0.75; the third neuron is all zero
    weights = np.array([[3.0, 0.75, 0], [-1.4, -0.3, 0], [0.5, 0, 0]])
    found = round_to_nearest(weights, bits=3, **MIN_MAX)
    assert found.scales == pytest.approx([1.0, 0.25, 1.0]) and found.zero_point == 3
    assert steps_of(found) == [[3, -1, 0], [3, -1, 0], [0, 0, 0]]  # 0.5 to the even neighbour, 0
    assert found.codes.dtype == np.uint8 and found.codes.max() == 6
    assert found.weights[:, 1].tolist() == [0.75, -0.25, 0.0]
    # at a percentile the largest is clipped: magnitudes 0.5, 1.4, 3, half way is 1.4
    assert column_scales(weights, bits=3, percentile=50.0)[0] == pytest.approx(1.4 / 3)


def test_a_table_has_a_scale_per_row_by_hand():
    # 3 bits: three steps on either side; 1/3 is no float16, and the next larger one is 0.33349609375
    table = np.array([[3.0, -1.4, 0.5], [1.0, -0.3, 0], [0, 0, 0], [1e-9, 0, 0]])
    found = round_table(table, bits=3, **MIN_MAX)
    assert found.scales.tolist() == [[1.0], [0.33349609375], [1.0], [2.0**-24]]
    assert found.centred.tolist() == [[3, -1, 0], [3, -1, 0], [0, 0, 0], [0, 0, 0]]
    assert found.weights[1].tolist() == [3 * 0.33349609375, -0.33349609375, 0]
    assert np.array_equal(found.scales.astype(np.float16), found.scales)
    large = round_table(np.array([[1e9, 1.0]]), bits=8, **MIN_MAX)
    assert np.isfinite(large.weights).all() and large.centred.tolist() == [[127, 0]]


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_a_large_row_costs_no_other(kind):
    """One word is a hundred times larger than the others: they keep their eight bits."""
    weights = weights_of(kind)
    weights.embedding[5] *= 100
    ids, mask, labels = sentences(24)
    ids[ids == 5] = 6
    expected = forward.logits(forward.network_of(weights), ids, mask)
    model, _ = quantized_network(weights, ids, mask, labels, settings("rtn", 8), seed=0)
    table = model.matrices["embedding"].weights
    error = np.linalg.norm(table - weights.embedding, axis=1)
    assert (error < 0.01 * np.linalg.norm(weights.embedding, axis=1)).all()
    found = forward.logits(model.network, ids, mask)
    assert np.abs(found - expected).mean() < 0.05 * expected.std()


@pytest.mark.parametrize("method", ["rtn", "gpfq"])
@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_the_order_of_the_calibration_texts_plays_no_part(kind, method):
    """Ranges are the same; path-following goes through weights one by one, but sums over the texts."""
    weights, (ids, mask, labels) = weights_of(kind), sentences(24)
    first, _ = quantized_network(weights, ids, mask, labels, settings(method, 4), seed=0)
    for order in (np.arange(24)[::-1], np.random.default_rng(0).permutation(24)):
        again, _ = quantized_network(
            weights, ids[order], mask[order], labels[order], settings(method, 4), seed=0
        )
        for name, how in first.activations.items():
            other = again.activations[name]
            assert other.scale == pytest.approx(how.scale, rel=1e-6)  # sums in another order
            assert (other.zero_point, other.bits) == (how.zero_point, how.bits)
        for name, matrix in first.matrices.items():
            assert np.array_equal(again.matrices[name].codes, matrix.codes)
            assert np.array_equal(again.matrices[name].scales, matrix.scales)
    wide = np.pad(ids, ((0, 0), (0, 5))), np.pad(mask, ((0, 0), (0, 5)))
    padded, _ = quantized_network(weights, *wide, labels, settings(method, 4), seed=0)
    for name, how in first.activations.items():
        assert padded.activations[name].scale == pytest.approx(how.scale, rel=1e-6)


def test_an_activation_by_hand():
    values = np.array([[-1.0, 0.0], [0.5, 2.0]], dtype=np.float32)
    found = activation_of(values, bits=2, percentile=100)
    assert found == Activation(scale=1.0, zero_point=1, bits=2)
    given = np.array([-5.0, -0.6, 0.0, 0.4, 1.5, 9.0])
    assert found.codes(given).tolist() == [0, 0, 1, 1, 3, 3]
    assert found.values(given).tolist() == [-1, -1, 0, 0, 2, 2]
    assert activation_of(np.zeros((3, 2)), bits=8, percentile=100).values(np.zeros(2)).any() == 0


def test_ranges_at_run_time_by_hand():
    # the first text from -1 to 254 in steps of 1; the second in steps of 0.1, from 0 on; the third is all 0
    given = np.array([[[-1.0, 254], [0.4, 0.6]], [[10.0, 25.5], [0.04, 0.06]], np.zeros((2, 2))])
    found = RunTime().values(given.astype(np.float32))
    assert found == pytest.approx(
        np.array([[[-1, 254], [0, 1]], [[10, 25.5], [0, 0.1]], np.zeros((2, 2))]), abs=1e-5
    )
    assert RunTime().clipped_share(given) == 0
    # every state by itself
    states = np.array([[0.0, 1.0, 0.501], [0.0, 0.1, 0.0501]], dtype=np.float32)
    assert np.abs(RunTime().values(states)[1] - states[1]).max() < 0.1 / 255


def test_no_state_leaves_its_range():
    extremes = np.array([-1.0, 0.0, 1.0], dtype=np.float32)
    assert STATE.codes(extremes).tolist() == [1, 128, 255]
    assert STATE.values(extremes) == pytest.approx(extremes, abs=1e-6)


def test_path_following_makes_good_what_was_lost_by_hand():
    # alphabet -1, 0, 1; both first inputs are the same: 0.4 is lost, then 0.4 + 0.4 -> 1
    weights = np.array([[0.4], [0.4], [1.0]])
    inputs = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert steps_of(round_to_nearest(weights, bits=2, **MIN_MAX)) == [[0, 0, 1]]
    found = path_following(weights, inputs, inputs, bits=2, **MIN_MAX)
    assert steps_of(found) == [[0, 1, 1]]


def test_path_following_reads_what_the_quantized_network_gives_by_hand():
    # <X~, w X> / |X~|^2 = 0.4 * 0.5 / 0.25 = 0.8 -> 1: half of the input is left, so twice the weight
    weights, inputs = np.array([[0.4], [1.0]]), np.eye(2)
    halved = inputs * [0.5, 1.0]
    assert steps_of(path_following(weights, inputs, halved, bits=2, **MIN_MAX)) == [[1, 1]]


def test_a_dead_input_is_rounded_to_nearest_and_its_loss_made_good():
    # the second input is 0 in the quantized network alone: 0.6 of it is missing when the third is chosen
    weights = np.array([[1.0], [0.6], [0.2]])
    original = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    quantized = original * [1.0, 0.0, 1.0]
    found = path_following(weights, original, quantized, bits=2, **MIN_MAX)
    assert steps_of(found) == [[1, 1, 1]]  # u = 0.6 X_2; 0.6 + 0.2 -> 1
    nothing = np.zeros_like(original)
    assert steps_of(path_following(weights, original, nothing, bits=2, **MIN_MAX)) == [[1, 1, 0]]


def test_zero_neurons_stay_zero():
    weights = np.zeros((3, 2))
    weights[:, 0] = [1.0, -0.2, 0.3]
    inputs = np.random.default_rng(0).normal(size=(20, 3))
    found = path_following(weights, inputs, inputs, bits=4, **MIN_MAX)
    assert steps_of(found)[1] == [0, 0, 0]


def one_by_one(weights, original, quantized, scale, reach):
    """The recursion as the papers write it, for one neuron."""
    error = np.zeros(len(original))
    chosen = []
    for t, weight in enumerate(weights):
        error = error + weight * original[:, t]
        ratio = quantized[:, t] @ error / (quantized[:, t] @ quantized[:, t])
        chosen.append(np.clip(np.rint(ratio / scale), -reach, reach))
        error = error - scale * chosen[-1] * quantized[:, t]
    return chosen


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_all_neurons_at_once_are_the_recursion(bits):
    rng = np.random.default_rng(bits)
    original = rng.normal(size=(40, 12)) @ rng.normal(size=(12, 12))
    quantized = original + 0.1 * rng.normal(size=original.shape)
    weights = rng.normal(size=(12, 7))
    found = path_following(weights, original, quantized, bits=bits, **MIN_MAX)
    for neuron, steps in enumerate(steps_of(found)):
        scale = float(found.scales[neuron])
        reach = 2 ** (bits - 1) - 1
        assert steps == one_by_one(weights[:, neuron], original, quantized, scale, reach)


@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_path_following_loses_less_on_correlated_inputs(bits):
    rng = np.random.default_rng(1)
    original = rng.normal(size=(500, 8)) @ rng.normal(size=(8, 64))
    quantized = np.round(original, 1)
    weights = rng.normal(size=(64, 30))

    def lost(found):
        return np.linalg.norm(original @ weights - quantized @ found.weights)

    nearest = lost(round_to_nearest(weights, bits=bits, **MIN_MAX))
    followed = lost(path_following(weights, original, quantized, bits=bits, **MIN_MAX))
    assert followed < 0.5 * nearest


def test_the_recurrence_is_pytorchs():
    torch = pytest.importorskip("torch")
    weights = weights_of("discriminative")
    ids, mask, _ = sentences(6)
    lstm = torch.nn.LSTM(weights.embedding.shape[1], len(weights.bias) // 4, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.tensor(weights.input_weight.T))
        lstm.weight_hh_l0.copy_(torch.tensor(weights.recurrent_weight.T))
        lstm.bias_ih_l0.copy_(torch.tensor(weights.bias))
        lstm.bias_hh_l0.zero_()
        states = lstm(torch.tensor(weights.embedding[ids]))[0].numpy()
    found = forward.mean_states(states, mask) @ weights.output_weight + weights.output_bias
    given = forward.logits(forward.network_of(weights), ids, mask)
    assert given == pytest.approx(found, abs=1e-5)


def settings(method="rtn", bits=8, activation_bits=None):
    return Settings(method, bits, activation_bits or bits, 100, 100)


def as_shipped(method="rtn", bits=8):
    return Settings(method, bits, None, 100, 100)


def quantized(kind, how):
    """Return the original weights, a quantized model and the texts: ids and mask."""
    weights = weights_of(kind)
    ids, mask, labels = sentences(24)
    model, _ = quantized_network(weights, ids, mask, labels, how, seed=0)
    return weights, model, ids, mask


def one_at_a_time(run, ids, mask):
    """Return the logits of a graph that reads one text a call, without padding."""
    rows = [row[kept > 0][None] for row, kept in zip(ids, mask, strict=True)]
    return np.concatenate([run.run(["logits"], {"input_ids": row})[0] for row in rows])


@pytest.mark.parametrize("method", ["rtn", "gpfq"])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_fused_graph_computes_what_the_simulation_does(method, bits):
    _, model, ids, mask = quantized("discriminative", as_shipped(method, bits))
    found = one_at_a_time(session(fused_graph(model)), ids, mask)
    gaps = np.abs(found - forward.logits(model.network, ids, mask)).max(axis=1)
    # a value half way between two codes may go to either: that moves a text, by less than a code does all
    assert np.median(gaps) < 1e-4 and gaps.max() < 0.01


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_fused_generative_graph_computes_what_the_simulation_does(bits):
    weights, model, ids, mask = quantized("generative", as_shipped("gpfq", bits))
    logits, scores = session(fused_graph(model)).run(
        None, {"input_ids": ids, "attention_mask": mask}
    )
    expected = forward.token_log_probabilities(model.network, ids, mask)
    assert np.median(np.abs(scores - expected)) < 1e-5 and np.abs(scores - expected).max() < 0.05
    assert not scores[np.broadcast_to(mask[:, None, 1:] == 0, scores.shape)].any()
    assert logits == pytest.approx(scores.sum(axis=2) + weights.log_prior, abs=1e-4)


def test_early_tokens_of_a_generative_model_do_not_see_later_ones():
    """Nor other texts: the scores of a beginning are to the bit those within the whole text, in a batch."""
    _, model, ids, mask = quantized("generative", as_shipped("gpfq", 3))
    run = session(fused_graph(model))
    whole = run.run(None, {"input_ids": ids, "attention_mask": mask})[1]
    start = run.run(None, {"input_ids": ids[:1, :4], "attention_mask": mask[:1, :4]})[1]
    assert start.tobytes() == whole[:1, :, :3].tobytes()


def test_the_fused_graph_is_few_nodes_and_its_weights_are_the_codes():
    _, model, *_ = quantized("discriminative", as_shipped("gpfq", 3))
    constants, operators = weights_in(fused_graph(model))
    assert operators == ["Reshape", "Gather", "DynamicQuantizeLSTM", "ReduceMean", "Gemm"]
    for name, of in (("W", "input_weight"), ("R", "recurrent_weight")):
        assert constants[name].dtype == np.int8
        assert np.array_equal(constants[name][0], onnx_gates(model.matrices[of].centred))
    assert np.array_equal(constants["embedding"], model.matrices["embedding"].weights)
    assert np.array_equal(constants["output_weight"], model.matrices["output_weight"].weights)


def test_what_reads_states_in_fp32_loses_nothing_to_activations():
    """Of the generative model's LSTM the weights alone are rounded: its states are those of the decoded weights."""
    model = quantized("generative", as_shipped("rtn", 8))[1]
    network = model.network
    assert (network.input.rounded, network.recurrent.rounded) == (None, None)
    assert network.output.rounded == STATE and list(model.activations) == ["read_state"]


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_openvino_runs_the_fused_graph(kind):
    needed = "NOT TESTED: needs the extra: requirements-openvino.lock"
    openvino = pytest.importorskip("openvino", reason=needed)
    _, model, ids, mask = quantized(kind, as_shipped("gpfq", 3))
    core = openvino.Core()
    read = core.read_model(fused_graph(model).SerializeToString())
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    feed = (
        {"input_ids": ids[:1]}
        if kind == "discriminative"
        else {"input_ids": ids, "attention_mask": mask}
    )
    found = compiled(feed)["logits"]
    expected = session(fused_graph(model)).run(["logits"], feed)[0]
    # OpenVINO keeps the activations of the LSTM in fp32
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
@pytest.mark.parametrize(("bits", "activation_bits"), [(8, 8), (6, 6), (4, 8), (3, 3), (2, 4)])
def test_the_graph_computes_what_the_simulation_does(kind, bits, activation_bits):
    weights = weights_of(kind)
    ids, mask, labels = sentences(24)
    model, _ = quantized_network(
        weights, ids, mask, labels, settings("gpfq", bits, activation_bits), seed=0
    )
    run = session(integer_graph(model))
    found = run.run(None, {"input_ids": ids, "attention_mask": mask})
    assert found[0] == pytest.approx(forward.logits(model.network, ids, mask), abs=1e-4)
    alone = run.run(
        None, {"input_ids": ids[3:4, : mask[3].sum()], "attention_mask": mask[3:4, : mask[3].sum()]}
    )
    assert alone[0] == pytest.approx(found[0][3:4], abs=1e-4)
    if kind == "generative":
        scores = forward.token_log_probabilities(model.network, ids, mask)
        assert found[1].shape == (len(ids), LABELS, ids.shape[1] - 1)
        assert found[1] == pytest.approx(scores, abs=1e-4)
        assert not found[1][np.broadcast_to(mask[:, None, 1:] == 0, found[1].shape)].any()
        assert found[0] == pytest.approx(found[1].sum(axis=2) + weights.log_prior, abs=1e-4)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_the_more_bits_the_nearer_to_fp32(kind):
    weights = weights_of(kind)
    ids, mask, labels = sentences(24)
    expected = forward.logits(forward.network_of(weights), ids, mask)
    gaps = []
    for bits in (8, 5, 3):
        model, _ = quantized_network(weights, ids, mask, labels, settings("rtn", bits), seed=0)
        gaps.append(np.abs(forward.logits(model.network, ids, mask) - expected).mean())
    assert gaps[0] < gaps[1] < gaps[2]
    assert gaps[0] < 0.05 * expected.std()


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_what_is_shipped_loses_less_than_few_bits_of_activations(kind):
    weights = weights_of(kind)
    ids, mask, labels = sentences(24)
    expected = forward.logits(forward.network_of(weights), ids, mask)
    gaps = []
    for how in (as_shipped("gpfq", 4), settings("gpfq", 4)):
        model, told = quantized_network(weights, ids, mask, labels, how, seed=0)
        gaps.append(np.abs(forward.logits(model.network, ids, mask) - expected).mean())
        bits = {entry["bits"] for name, entry in told.items() if "activations" in name}
        assert bits == ({8} if how.activation_bits is None else {4})
    assert gaps[0] < 0.8 * gaps[1]


def test_padding_plays_no_part_in_ranges_at_run_time():
    """Nor do other texts: path-following finds the same codes, and texts have the same logits."""
    weights, (ids, mask, labels) = weights_of("discriminative"), sentences(24)
    weights.embedding[0] = 9.0  # of padding: it would widen every range
    first, _ = quantized_network(weights, ids, mask, labels, as_shipped("gpfq", 4), seed=0)
    wide = np.pad(ids, ((0, 0), (0, 5))), np.pad(mask, ((0, 0), (0, 5)))
    padded, _ = quantized_network(weights, *wide, labels, as_shipped("gpfq", 4), seed=0)
    for name, matrix in first.matrices.items():
        assert np.array_equal(padded.matrices[name].codes, matrix.codes)
    logits = forward.logits(first.network, ids, mask)
    row = forward.logits(first.network, ids[3:4, : mask[3].sum()], mask[3:4, : mask[3].sum()])
    assert row == pytest.approx(logits[3:4], abs=1e-4)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_every_matrix_and_activation_is_told(kind):
    weights = weights_of(kind)
    ids, mask, labels = sentences(24)
    model, told = quantized_network(weights, ids, mask, labels, settings("gpfq", 4), seed=0)
    own = ["label_embedding"] if kind == "generative" else []
    acts = ["input", "state", *([] if kind == "generative" else ["mean_state"])]
    assert list(told) == [
        *("embedding", *own, "input_weight", "recurrent_weight", "output_weight"),
        *(f"{name} (activations)" for name in acts),
    ]
    for entry in told.values():
        assert 0 < entry["kolmogorov_smirnov"] < 1 and entry["mean_squared_error"] > 0
        assert entry["bits"] == 4 and 0 <= entry["clipped_share"] < 0.5
    assert told["embedding"]["clipped_share"] == 0  # min-max
    again, _ = quantized_network(weights, ids, mask, labels, settings("gpfq", 4), seed=0)
    for name, matrix in model.matrices.items():
        assert np.array_equal(matrix.codes, again.matrices[name].codes)


def test_the_diagnosis_by_hand():
    # of 0, 1, 2, 3 three become 0, 1, 1 and one stays: the functions are furthest apart at 1
    before, after = np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 1, 3])
    assert kolmogorov_smirnov(before, after) == pytest.approx(0.25)
    weights = np.array([[1.0], [-3.0], [0.2]])
    told = weight_facts(weights, round_to_nearest(weights, bits=3, percentile=75), 75)
    assert told["clipped_share"] == pytest.approx(1 / 3)  # 75 % of 0.2, 1, 3 is 2
    how = Activation(scale=1.0, zero_point=1, bits=2)  # -1 to 2
    values = np.array([[-2.0, -1.0, 0.0, 4.0]])
    told = activation_facts(values, how.values(values), how, percentile=100)
    assert told["clipped_share"] == 0.5 and told["mean_squared_error"] == pytest.approx(5 / 4)
