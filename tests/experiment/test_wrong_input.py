"""Whatever is wrong with what a user gives is told in one line that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import PROJECT

from lenet.errors import InputError
from lenet.experiment.command import train as train_in_process

REFUSED = [  # overrides of train.py, what they are told
    ("recipe.epochs=0", "recipe.epochs=0 has to be a whole number from 1"),
    ("recipe.epochs=-3", "recipe.epochs=-3 has to be"),
    ("recipe.epochs=100000", "recipe.epochs=100000 has to be"),
    ("recipe.epochs=many", "recipe.epochs=many has to be"),
    ("recipe.epochs=2.5", "recipe.epochs=2.5 has to be"),
    ("recipe.epochs=true", "recipe.epochs=True has to be"),
    ("recipe.epochs=null", "recipe.epochs=None has to be"),
    ("recipe.batch_size=0", "recipe.batch_size=0 has to be"),
    ("recipe.batch_size=1000000", "recipe.batch_size=1000000 has to be"),
    ("recipe.optimizer.lr=-0.1", "recipe.optimizer.lr=-0.1 has to be a number from"),
    ("recipe.optimizer.lr=1000", "recipe.optimizer.lr=1000 has to be"),
    ("recipe.optimizer.lr=nan", "recipe.optimizer.lr=nan has to be"),
    ("data.train_size=-1", "data.train_size=-1 has to be"),
    ("data.train_size=0", "data.train_size=0 has to be"),
    ("data.validation=-1", "data.validation=-1 has to be"),
    ("trainer.threads=0", "trainer.threads=0 has to be"),
    ("seed=-1", "seed=-1 has to be"),
    ("seeds=3", "seeds=3 has to be a list"),
    ("seeds=[]", "has to be a list"),
    ("seeds=[1,x]", "seeds=x has to be"),
    ("seeds=[1,1]", "names a seed twice"),
    ("paper=lenet6", "paper=lenet6 is not a row of Figure 9: linear, "),
    ("trainer.compile=off", "trainer.compile=off has to be true or false"),
    ("data.distort=1", "data.distort=1 has to be true or false"),
    ("data.noise=-0.1", "data.noise=-0.1 has to be a number from 0 to 0.5"),
    ("data.noise=0.6", "data.noise=0.6 has to be"),
    ("trainer=gpu", "torch finds no GPU here: use trainer=cpu"),
    ("output=/proc/none", "/proc/none cannot be written"),
    ("name=''", "name= has to be a text"),
    ("tracking.uri=7", "tracking.uri=7 has to be a text"),
    ("tracking.uri=http://127.0.0.1:9", "no MLflow server answers at tracking.uri=http://127"),
    ("tracking.uri=ftp://x", "tracking.uri=ftp://x cannot be used"),
    ("tracking.uri=sqlite:////proc/none/x.db", "cannot be used ([Errno 2] No such file"),
    ("model.pooling=median", "pooling='median' is not one of average, max, subsampling"),
    ("model.activation=gelu", "activation='gelu' is not one of tanh, relu, scaled_tanh"),
    ("model.output=linear", "output='linear' is not one of softmax, rbf"),
    ("model.connections=table2", "connections='table2' is not one of full, table1"),
    ("model=mlp_300 model.hidden=[0]", "hidden=(0,) is not one number of units or more"),
    ("model=mlp_300 model.hidden=[]", "hidden=() is not one number of units or more"),
    ("model=lenet1 model.output=rbf", "output='rbf' is not one of softmax, squashed"),
    ("model._target_=os.system", "Target 'os.system' is blocklisted"),
    ("model._target_=lenet.nets.LeNet7", "Error loading 'lenet.nets.LeNet7'"),
    ("data.view=upright", "data.view=upright is not one of regular, deslanted, 16x16"),
    ("data.view=16x16", "this net takes no digits of 16x16 (data.view)"),
    ("data.view=deslanted", "this net takes no digits of 20x20 (data.view)"),
    ("model=lenet5_1998 recipe=paper data.view=16x16", "kernels of 5x5 on maps of 8x8"),
    ("data.source=cifar", "data.source=cifar is not one of auto, mnist, digits"),
    ("data.source=mnist", "is missing: put the four MNIST archives there, or unset MNIST_ROOT"),
    ("data.validation=1297", "data.validation=1297 has to lie between 0 and 1,296"),
    ("recipe.optimizer.weight_decay=-1", "Invalid weight_decay value: -1"),
    ("recipe.schedule.pct_start=3", "Expected float between 0 and 1 pct_start, but got 3"),
    ("recipe.optimizer._target_=torch.optim.Nope", "Error loading 'torch.optim.Nope'"),
    ("recipe.optimizer.lr=9 model=lenet5_relu recipe.epochs=3", "lower recipe.optimizer.lr"),
    ("recipe=paper", "this recipe trains the nets of 1998 only"),
    ("model=lenet5_1998 recipe=paper trainer=ddp", "leave trainer=ddp out"),
    ("model=lenet5_1998 recipe=paper recipe.power=x", "recipe.power=x has to be a number"),
    ("model=lenet5_1998 recipe=paper recipe.scale=0", "recipe.scale=0 has to be a number"),
    ("model=lenet5_1998 recipe=paper recipe.j=0", "recipe.j=0 has to be a number"),
    ("model=knn", "this recipe trains nets only: an estimator wants recipe=fit"),
    ("recipe=fit", "recipe=fit trains estimators, not LeNet5"),
    ("model=knn recipe=fit model.k=0", "k must lie in 1..1097, the training patterns, not be 0"),
    ("model=knn recipe=fit data.distort=true", "only nets are trained on changed digits"),
    ("model=svm_poly4 recipe=fit model.C=-1", "The 'C' parameter of SVC must be a float"),
    ("trainer.accelerator=abacus", "you selected an invalid accelerator name"),
    ("trainer.devices=0", "`Trainer(devices=0)` value is not a valid input"),
    ("trainer=ddp trainer.devices=many", "should be an int > 0"),
    ("+trainer.precision=3", "Precision 3 is invalid"),
    ("+trainer.nonsense=1", "unexpected keyword argument 'nonsense'"),
]


@pytest.mark.parametrize(("overrides", "line"), REFUSED)
def test_train_refuses(
    configure, overrides: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("MNIST_ROOT", "/nowhere")
    given = overrides.split(" ")
    epochs = None if "recipe.epochs" in overrides or "recipe=fit" in given else 1
    with pytest.raises(InputError) as refused:
        train_in_process(configure(*given, epochs=epochs))
    assert line.lower() in str(refused.value).lower()
    assert "\n" not in str(refused.value).strip()


SHELL = [  # a command, what it is told last or among the first lines
    ("train.py model=lenet6", "lenet5_max_relu"),
    ("train.py recipe=modem", "modern"),
    ("train.py recipe.epoch=3", "Key 'epoch' is not in struct"),
    ("train.py recipe.epochs=-1", "recipe.epochs=-1 has to be a whole number from 1 to 1000"),
    ("train.py output=/proc/none", "/proc/none cannot be written"),
    ("train.py -m output=/proc/none seed=0,1", "The sweep cannot start: /proc/none"),
    ("train.py repeat=zzz", "repeat= takes all values from the run: leave data=digits out"),
    ("train.py search=modern data.validation=0", "a search goes by the validation error"),
    ("predict.py nothing.png", "predict.py: nothing.png"),
    ("predict.py --run zzz conf/config.yaml", "predict.py: conf/config.yaml"),
    ("-m lenet.study train lenet6", "train: lenet6 is not an experiment of conf/experiment"),
    ("-m lenet.study sing", "invalid choice: 'sing'"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "line"), SHELL)
def test_the_shell_is_told_and_sees_no_traceback(command: str, line: str, tmp_path: Path) -> None:
    data = ["data=digits"] if command.startswith("train.py") else []
    done = subprocess.run(
        [sys.executable, *command.split(" "), *data],
        env=os.environ | {"LENET_ROOT": str(tmp_path)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert line in done.stderr
    assert "Traceback" not in done.stderr
