"""Trackers get each epoch's numbers, offline, and change nothing. Modules of their names stand in for them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emopress.entries.training import Training
from emopress.errors import UserError
from emopress.jobs.tracking import RUNS, open_run
from emopress.jobs.watching import LogWatch
from emopress.train.batches import Encoded
from emopress.train.loop import Trainer
from emopress.train.objectives import label_objective
from emopress.train.run import TrainingRun


class Calls(list):
    """Records calls; as a module, every name of it is a function that notes its arguments."""

    def __call__(self, name, answer=None):
        def note(*arguments, **options):
            self.append((name, arguments, options))
            return answer

        return note


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Put a module of the chosen tracker in place in an empty folder; returns what it is called with."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    noted = Calls()

    def choose(kind):
        if kind == "tensorboard":
            names = ("add_text", "add_scalar", "close")
            writer = SimpleNamespace(**{name: noted(name) for name in names})
            module = SimpleNamespace(SummaryWriter=noted("SummaryWriter", writer))
            monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
        elif kind == "wandb":
            run = SimpleNamespace(log=noted("log"), finish=noted("finish"))
            monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=noted("init", run)))
        else:
            names = (
                "set_tracking_uri",
                "set_experiment",
                "start_run",
                "log_params",
                "log_metrics",
                "end_run",
            )
            module = SimpleNamespace(**{name: noted(name) for name in names})
            monkeypatch.setitem(sys.modules, "mlflow", module)
        return noted

    return choose


class Words(torch.nn.Module):
    """The mean of word vectors, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.table, self.out = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=self.out(self.table(input_ids).mean(1)))


def trained(training, folder, kind):
    """Train a small model for two epochs, tracked by `kind`; return its history and weights."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 9, 5).tolist() for _ in range(24)]
    data = Encoded(ids, torch.tensor([row[0] % 3 for row in ids]), 0)
    settings = Training(**training(epochs=2, batch_size=8))
    model = Words()
    trainer = Trainer(
        model,
        label_objective(data.labels, settings, 3, torch.device("cpu")),
        settings,
        seed=0,
        identity="x",
        device=torch.device("cpu"),
        run=TrainingRun(
            folder / "results" / "emotion" / "tiny" / "seed0" / "unfinished-training",
            code="tests",
            watch=LogWatch(kind, "a-study"),
        ),
    )
    return trainer.fit(data, data, 3), model.state_dict()


def begun(kind, identity="x"):
    return open_run(kind, "a/b/c", {}, study="a-study", identity=identity)


def test_none_is_the_default():
    assert LogWatch().tracking == "none"
    run = begun("none")
    run.log({"loss": 1.0}, 1)
    run.close()


@pytest.mark.parametrize("kind", RUNS)
def test_a_missing_package_is_one_line(kind, monkeypatch):
    for name in ("tensorboard", "torch.utils.tensorboard", "wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        UserError, match=rf"tracking: {kind} is requested.*pip install {kind}, or"
    ) as e:
        begun(kind)
    assert "\n" not in str(e.value)


def test_tensorboard(calls, training, tmp_path):
    noted = calls("tensorboard")
    history, _ = trained(training, tmp_path, "tensorboard")
    assert noted[0] == ("SummaryWriter", ("results/tracking/tensorboard/emotion/tiny/seed0",), {})
    assert noted[1][0] == "add_text" and "epochs: 2" in noted[1][1][1]
    expected = [
        ("add_scalar", (name, row[name], row["epoch"]), {})
        for row in history
        for name in ("loss", "validation_macro_f1")
    ]
    assert noted[2:] == [*expected, ("close", (), {})]


def test_wandb_is_offline(calls, training, tmp_path):
    noted = calls("wandb")
    history, _ = trained(training, tmp_path, "wandb")
    (name, _, options), *logged, last = noted
    assert name == "init" and options["mode"] == "offline" and options["dir"] == "results/tracking"
    assert (options["project"], options["name"]) == ("a-study", "emotion/tiny/seed0")
    assert options["config"]["epochs"] == 2
    assert options["resume"] == "allow" and options["id"].isalnum()
    assert [(call[1][0]["loss"], call[2]["step"]) for call in logged] == [
        (row["loss"], row["epoch"]) for row in history
    ]
    assert last == ("finish", (), {"exit_code": 0})


def test_wandbs_own_variables_win(calls, monkeypatch):
    noted = calls("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    begun("wandb")
    assert (noted[0][2]["mode"], noted[0][2]["project"]) == ("online", "mine")


def test_mlflow_is_a_local_file(calls, training, tmp_path):
    noted = calls("mlflow")
    history, _ = trained(training, tmp_path, "mlflow")
    names = [call[0] for call in noted]
    assert names == [
        "set_tracking_uri",
        "set_experiment",
        "start_run",
        "log_params",
        "log_metrics",
        "log_metrics",
        "end_run",
    ]
    assert noted[0][1] == (f"sqlite:///{tmp_path}/results/tracking/mlflow/emotion/tiny/seed0.db",)
    assert noted[1][1] == ("a-study",) and noted[2][2] == {"run_name": "emotion/tiny/seed0"}
    assert noted[4][1][0]["loss"] == history[0]["loss"] and noted[5][2] == {"step": 2}
    assert noted[6][1] == ("FINISHED",)


def test_mlflows_own_variable_wins(calls, monkeypatch):
    noted = calls("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    begun("mlflow")
    assert noted[0][1] == ("http://127.0.0.1:5000",)


@pytest.mark.parametrize("kind", RUNS)
def test_tracking_changes_no_result(calls, training, tmp_path, kind):
    plain, weights = trained(training, tmp_path / "plain", "none")
    calls(kind)
    tracked, same = trained(training, tmp_path / "tracked", kind)
    assert tracked == plain
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_another_training_of_the_same_name_is_another_run(calls):
    noted = calls("wandb")
    for identity in ("x", "x", "y"):
        begun("wandb", identity)
    first, again, other = (call[2]["id"] for call in noted)
    assert first == again != other


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("wandb", ("finish", (), {"exit_code": 1})),
        ("mlflow", ("end_run", ("FAILED",), {})),
        ("tensorboard", ("close", (), {})),
    ],
)
def test_a_training_that_fails_ends_its_run(calls, training, tmp_path, monkeypatch, kind, end):
    noted = calls(kind)
    monkeypatch.setattr(Trainer, "_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        trained(training, tmp_path, kind)
    assert noted[-1] == end
