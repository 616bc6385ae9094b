"""What each value of a configuration may be: the one place that says so.

A value that a run's figures, its end or its place depend on has a type and a range here. Models and
recipes are checked by what their ``_target_`` names; a class of one's own takes what it takes.
`check` tells the first value that is wrong in one line, as it would be set on the command line.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lenet.errors import InputError

LEFT_OUT: Any = None  # a key that may be left out: the class that is made has its own default
LETTERS = 200  # of a wrong value, in the line that tells it

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Patterns = Annotated[int, Field(ge=1, le=60_000)]  # as many as MNIST has to train on
Digits = Annotated[int, Field(ge=1, le=10_000_000)]  # that one's own data set may have
Units = Annotated[int, Field(ge=1, le=10_000)]
Rate = Annotated[float, Field(ge=1e-8, le=10)]
Penalty = Annotated[float, Field(ge=0, le=1e6)]
Degree = Annotated[int, Field(ge=1, le=30)]  # of a polynomial
Jobs = Annotated[int, Field(ge=-1, le=1_024)] | None  # as scikit-learn's: -1 is one per core
Activation = Literal["tanh", "relu", "scaled_tanh"]
OddActivation = Literal["tanh", "scaled_tanh"]
Batches = (  # a number of them, or a share
    Annotated[int, Field(ge=1, le=60_000)] | Annotated[float, Field(gt=0, le=1)] | None
)


class Values(BaseModel):
    """Keys with the types of their values; others are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Data(Values):
    """conf/data/"""

    source: Literal["auto", "mnist", "qmnist", "digits", "folder", "idx", "npz", "torchvision"]
    folder: str = Field(min_length=1)
    view: Literal["regular", "deslanted", "16x16", "permuted"]
    distort: bool
    noise: float = Field(ge=0, le=0.5)
    test_each_epoch: bool
    train_size: Digits | None
    validation: Annotated[int, Field(ge=0, le=9_999_999)] | Literal["writers"] | None
    preprocess: bool
    dataset: Literal["FashionMNIST", "KMNIST", "EMNIST"] = LEFT_OUT  # of torchvision


class Trainer(Values):
    """conf/trainer/, and what else may be added. Lightning's other arguments would end a run where
    its configuration does not say (max_time), leave out what it promises (check_val_every_n_epoch)
    or write elsewhere (logger)."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Annotated[int, Field(ge=1, le=1_024)] | Literal["auto"] | list[int] = Field(
        description="a whole number from 1 to 1024, auto, or a list of GPUs"
    )
    compile: bool
    threads: int | None = Field(ge=1, le=1_024)
    strategy: Literal["ddp_fork"] = LEFT_OUT
    # the weights themselves stay of 32 bits: what is tested and saved is of them
    precision: Literal["32-true", "16-mixed", "bf16-mixed", 32, 16] = LEFT_OUT
    limit_train_batches: Batches = Field(
        LEFT_OUT, description="a whole number from 1 to 60000, a share up to 1.0, or null"
    )
    limit_val_batches: Batches = Field(
        LEFT_OUT, description="a whole number from 1 to 60000, a share up to 1.0, or null"
    )
    detect_anomaly: bool = LEFT_OUT
    deterministic: bool | Literal["warn"] | None = LEFT_OUT
    benchmark: bool | None = LEFT_OUT
    gradient_clip_val: float | None = Field(LEFT_OUT, ge=0, le=1e6)
    gradient_clip_algorithm: Literal["norm", "value"] | None = LEFT_OUT
    accumulate_grad_batches: int = Field(LEFT_OUT, ge=1, le=60_000)
    profiler: Literal["simple", "advanced"] | None = LEFT_OUT


class Tracking(Values):
    """conf/tracking/"""

    uri: str | None = Field(min_length=1)
    models: bool
    system_metrics: bool


class Run(Values):
    """conf/config.yaml. A file of one's own may have more keys, for others to refer to."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(
        min_length=1, pattern=r"^( |[^\p{C}\p{Z}])+$", description="a text on one line"
    )
    seed: Seed
    seeds: list[Seed] | None = Field(min_length=1)
    resume: bool
    force: bool
    repeat: str | int | float | None = Field(description="the id of a run or null")
    registered: str | None = Field(
        alias="register",  # which pydantic has for itself
        pattern=r"^[\w-]+$",
        description="a name of letters, digits, _ and -, or null",
    )
    root: str = Field(min_length=1)
    output: str = Field(min_length=1)
    paper: str | None
    data: dict[str, Any]
    model: dict[str, Any]
    recipe: dict[str, Any]
    trainer: dict[str, Any]
    tracking: dict[str, Any]


GROUPS: dict[str, type[Values]] = {"data": Data, "trainer": Trainer, "tracking": Tracking}


class Made(Values):
    """Something that Hydra makes."""

    target: str = Field(alias="_target_")
    convert: Literal["none", "partial", "object", "all"] = Field(LEFT_OUT, alias="_convert_")
    recursive: bool = Field(LEFT_OUT, alias="_recursive_")


class Partial(Made):
    """Something that is made later, of what is not known yet."""

    partial: Literal[True] = Field(alias="_partial_")


class LeNet1(Made):
    """As LeNet4."""

    activation: OddActivation = LEFT_OUT
    output: Literal["softmax", "squashed"] = LEFT_OUT


class LeNet5(Made):
    pooling: Literal["average", "max", "subsampling"] = LEFT_OUT
    activation: Activation = LEFT_OUT
    output: Literal["softmax", "squashed", "rbf", "learned_rbf"] = LEFT_OUT
    connections: Literal["full", "table1"] = LEFT_OUT
    f6: bool = LEFT_OUT


class MLP(Made):
    hidden: list[Units] = Field(LEFT_OUT, min_length=1, max_length=4)
    side: int = Field(LEFT_OUT, ge=1, le=28)
    activation: Activation = LEFT_OUT
    output: Literal["softmax", "squashed"] = LEFT_OUT


class TanhUnits(Made):
    rate: Rate = LEFT_OUT
    passes: int = Field(LEFT_OUT, ge=1, le=1_000)
    random_state: Seed | None = LEFT_OUT


class PairwiseLinear(TanhUnits):
    units: Literal["linear", "tanh"] = LEFT_OUT
    ridge: Penalty = LEFT_OUT


class NearestNeighbours(Made):
    k: Patterns = LEFT_OUT


class TangentDistance(NearestNeighbours):
    candidates: Patterns = LEFT_OUT
    blur: float = Field(LEFT_OUT, ge=0, le=28)


class PCAQuadratic(Made):
    components: int = Field(LEFT_OUT, ge=1, le=784)
    inputs: Literal["products", "cross", "all"] = LEFT_OUT
    centred: bool = LEFT_OUT
    ridge: Penalty = LEFT_OUT


class RBFNetwork(Made):
    units: Patterns = LEFT_OUT
    width: float = Field(LEFT_OUT, ge=1e-3, le=1e3)
    shared: bool = LEFT_OUT
    ridge: Penalty = LEFT_OUT
    random_state: Seed | None = LEFT_OUT


class PolynomialSVM(Made):
    """As VirtualSVM."""

    degree: Degree = LEFT_OUT
    C: float = Field(LEFT_OUT, ge=1e-9, le=1e9)
    n_jobs: Jobs = LEFT_OUT


class ReducedSetSVM(PolynomialSVM):
    vectors: Patterns = LEFT_OUT
    steps: int = Field(LEFT_OUT, ge=1, le=100_000)
    rate: Rate = LEFT_OUT


class RidgeClassifier(Made):
    """scikit-learn's."""

    alpha: Penalty = LEFT_OUT
    fit_intercept: bool = LEFT_OUT
    copy_X: bool = LEFT_OUT
    max_iter: int | None = Field(LEFT_OUT, ge=1, le=1_000_000)
    tol: float = Field(LEFT_OUT, ge=0, le=1)
    class_weight: Literal["balanced"] | None = LEFT_OUT
    solver: Literal["auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"] = (
        LEFT_OUT
    )
    positive: bool = LEFT_OUT
    random_state: Seed | None = LEFT_OUT


class Recipe(Made):
    """A way to train."""

    sharing: ClassVar[str] = ""  # why processes cannot share its work, if they cannot


class SDLM(Recipe):
    sharing: ClassVar[str] = "one pattern per update cannot be shared"

    scale: float = Field(LEFT_OUT, ge=1e-3, le=100)
    power: float = Field(LEFT_OUT, ge=0, le=2)
    eta_factor: float = Field(LEFT_OUT, ge=1e-6, le=100)
    j: float = Field(LEFT_OUT, ge=1e-3, le=1e3)
    orders: int | None = Field(LEFT_OUT, ge=1, le=1_000_000)
    epochs: int = Field(LEFT_OUT, ge=1, le=1_000)
    eta: list[Annotated[float, Field(ge=1e-9, le=1)]] = Field(LEFT_OUT, min_length=1)
    hessian_patterns: int = Field(LEFT_OUT, ge=1, le=60_000)


class Minibatch(Recipe):
    epochs: int = Field(ge=1, le=1_000)
    batch_size: int = Field(ge=1, le=60_000)
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    loss: dict[str, Any] | None = LEFT_OUT
    lanes: bool = LEFT_OUT


class Fit(Recipe):
    sharing: ClassVar[str] = "the fit of an estimator cannot be shared"


class WithHead(Recipe):
    base: dict[str, Any]
    head: dict[str, Any]


class Boosting(Recipe):
    base: dict[str, Any]
    size: int = Field(ge=2, le=1_000_000)
    limit: int = Field(ge=1, le=1_000_000_000)


class NearestNeighbourHead(Partial):
    k: Patterns = LEFT_OUT


class LocalLearningHead(NearestNeighbourHead):
    decay: float = Field(LEFT_OUT, ge=0, le=1e6)


class Optimizer(Partial):
    """What torch's optimizers have in common."""

    lr: Rate = LEFT_OUT
    weight_decay: float = Field(LEFT_OUT, ge=0, le=100)
    maximize: Literal[False] = LEFT_OUT
    foreach: bool | None = LEFT_OUT
    differentiable: Literal[False] = LEFT_OUT
    fused: bool | None = LEFT_OUT


class AdamW(Optimizer):
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(LEFT_OUT, min_length=2, max_length=2)
    eps: float = Field(LEFT_OUT, ge=0, le=1)
    amsgrad: bool = LEFT_OUT
    capturable: bool = LEFT_OUT


class SGD(Optimizer):
    momentum: float = Field(LEFT_OUT, ge=0, le=1)
    dampening: float = Field(LEFT_OUT, ge=0, le=1)
    nesterov: bool = LEFT_OUT


class OneCycleLR(Partial):
    """torch's; how many steps there are, the recipe says."""

    max_lr: Rate
    pct_start: float = Field(LEFT_OUT, ge=0, le=1)
    anneal_strategy: Literal["cos", "linear"] = LEFT_OUT
    cycle_momentum: bool = LEFT_OUT
    base_momentum: float = Field(LEFT_OUT, ge=0, le=1)
    max_momentum: float = Field(LEFT_OUT, ge=0, le=1)
    div_factor: float = Field(LEFT_OUT, ge=1, le=1e9)
    final_div_factor: float = Field(LEFT_OUT, ge=1, le=1e12)
    three_phase: bool = LEFT_OUT


MADE: dict[str, type[Made]] = {
    "lenet.nets.LeNet1": LeNet1,
    "lenet.nets.LeNet4": LeNet1,
    "lenet.nets.LeNet5": LeNet5,
    "lenet.nets.MLP": MLP,
    "lenet.classic.TanhUnits": TanhUnits,
    "lenet.classic.PairwiseLinear": PairwiseLinear,
    "lenet.classic.NearestNeighbours": NearestNeighbours,
    "lenet.classic.TangentDistance": TangentDistance,
    "lenet.classic.pca_quadratic": PCAQuadratic,
    "lenet.classic.rbf_network": RBFNetwork,
    "lenet.classic.PolynomialSVM": PolynomialSVM,
    "lenet.classic.VirtualSVM": PolynomialSVM,
    "lenet.classic.ReducedSetSVM": ReducedSetSVM,
    "sklearn.linear_model.RidgeClassifier": RidgeClassifier,
    "lenet.learning.SDLM": SDLM,
    "lenet.learning.Minibatch": Minibatch,
    "lenet.learning.MLE": Made,
    "lenet.classic.Fit": Fit,
    "lenet.ensemble.WithHead": WithHead,
    "lenet.ensemble.Boosting": Boosting,
    "lenet.ensemble.NearestNeighbourHead": NearestNeighbourHead,
    "lenet.ensemble.LocalLearningHead": LocalLearningHead,
    "torch.optim.AdamW": AdamW,
    "torch.optim.SGD": SGD,
    "torch.optim.lr_scheduler.OneCycleLR": OneCycleLR,
}
"""What configurations name, each with its keys."""


def check(values: dict[str, Any], only: Sequence[str] = ()) -> None:
    """Checks a configuration, or some of its first keys, without making anything of it.

    Args:
        values: of dicts, lists, texts, numbers, truth values and None.
        only: the first keys to check; none is all.

    Raises:
        InputError: a value that is not what it may be, a key that is missing or not known.
    """
    for key, line in _faults(values):
        if not only or key in only:
            raise InputError(line)


def cut(trainer: dict[str, Any]) -> str:
    """The values by which a run sees less than its configuration's digits, as they are set on the
    command line; empty if there are none."""
    limits = {key: trainer.get(key) for key in ("limit_train_batches", "limit_val_batches")}
    less = {
        key: value
        for key, value in limits.items()
        if value is not None and not (isinstance(value, float) and value == 1)
    }
    return " ".join(f"{key}={value}" for key, value in less.items())


def sharing(recipe: dict[str, Any]) -> str:
    """Why processes cannot share the work of a recipe, empty if they can; one that rests on another
    is shared as that is."""
    while isinstance(recipe.get("base"), dict):
        recipe = recipe["base"]
    kind = MADE.get(recipe["_target_"])
    return kind.sharing if kind is not None and issubclass(kind, Recipe) else ""


def _faults(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Of each wrong value the first key, and the line that tells it."""
    yield from _faults_of(Run, values, "")
    for group, kind in GROUPS.items():
        if isinstance(values.get(group), dict):
            yield from ((group, line) for _, line in _faults_of(kind, values[group], group))
    for group in ("model", "recipe"):
        part = values.get(group)
        yield from ((group, line) for line in _faults_of_made(part, group))
        target = part.get("_target_") if isinstance(part, dict) else None
        if target in MADE and issubclass(MADE[target], Recipe) != (group == "recipe"):
            yield group, f"{group}._target_={target} makes no {group}"


def _faults_of_made(values: Any, where: str) -> Iterator[str]:
    """Of something that names what it is made by, and of what it is made of."""
    if not isinstance(values, dict):
        return  # told by what it is a part of
    target = values.get("_target_")
    if not isinstance(target, str):
        yield f"{where}._target_={_shown(target)} has to be a text, the name of a class"
    elif target in MADE:
        yield from (line for _, line in _faults_of(MADE[target], values, where))
        for key, value in values.items():
            yield from _faults_of_made(value, f"{where}.{key}")


def _faults_of(kind: type[Values], values: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    try:
        kind.model_validate(values)
    except ValidationError as e:
        for error in e.errors():
            yield str(error["loc"][0]), _line(kind, error["loc"], values, where)


def _line(
    kind: type[Values], place: Sequence[int | str], values: dict[str, Any], where: str
) -> str:
    """What is wrong at a place of values that are not of that kind."""
    properties = kind.model_json_schema()["properties"]
    key = str(place[0])
    name = f"{where}.{key}" if where else key
    if key not in properties:
        return f"{name} is not known: {where} has {', '.join(sorted(properties))}"
    if key not in values:
        return f"{name} is missing: give {name}=" + ("<choice>" if not where else "<value>")
    known, value = properties[key], values[key]
    if isinstance(value, list) and isinstance(place[-1], int) and "description" not in known:
        [of_list] = [each for each in known.get("anyOf", [known]) if "items" in each]
        known, value = of_list["items"], value[place[-1]]
    wanted = has_to_be(known)
    has = "is not" if wanted.startswith("one of") else "has to be"
    return f"{name}={_shown(value)} {has} {wanted}"


def has_to_be(known: dict[str, Any]) -> str:
    """In words, what JSON Schema says of a value."""
    if "description" in known:
        return str(known["description"])
    if "anyOf" in known:
        return " or ".join(map(has_to_be, known["anyOf"]))
    if "const" in known:
        return _of_yaml(known["const"])
    if "enum" in known:
        return f"one of {', '.join(map(_of_yaml, known['enum']))}"
    match known["type"]:
        case "integer" | "number" as kind:
            what = "a whole number" if kind == "integer" else "a number"
            low = known.get("minimum", known.get("exclusiveMinimum"))
            high = known.get("maximum", known.get("exclusiveMaximum"))
            return f"{what} from {low} to {high}"
        case "boolean":
            return "true or false"
        case "string":
            return "a text"
        case "array":
            most = f" of at most {known['maxItems']}" if "maxItems" in known else ""
            return f"a list{most}, each of which is {has_to_be(known['items'])}"
        case "object":
            return "a mapping with a _target_"
        case _:
            return "null"


def _of_yaml(value: object) -> str:
    """As it is set on the command line."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    """On one line, not too long."""
    text = ascii(value)[1:-1] if isinstance(value, str) and not value.isprintable() else str(value)
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}..."
