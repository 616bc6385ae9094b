"""What changes a digest of code, and what does not."""

from pathlib import Path

import pytest

from lenet.experiment.reachable import Package

FILES = {
    "__init__.py": "",
    "nets/__init__.py": "from house.nets.lenet import LeNet\n",
    "nets/lenet.py": '''"""A net."""

import torch.nn.functional as F

from house import paper
from house.nets.layers import ACTIVATIONS, scaled


class LeNet:
    """Docstring."""

    width: int = 5

    def forward(self, x: "Tensor") -> "Tensor":
        # why
        scaled_here = [scaled(x) for x in range(self.width)]
        if x is None:
            raise ValueError("no digits")
        return F.conv2d(ACTIVATIONS[self.activation](x), paper.SIZE)

    def save(self, path):
        return path
''',
    "nets/layers.py": """from house.errors import tell

ACTIVATIONS = {"tanh": lambda a: tanh(a), "relu": lambda a: relu(a)}
REGISTRY = []


def tanh(a):
    return a / 3


def relu(a):
    return max(a, 0)


def scaled(a):
    tell(a)
    return handler(a)


def handler(a):
    return 2 * a


def unused():
    return 1
""",
    "paper.py": "SIZE = 5\nOTHER = 6\n",
    "errors.py": "def tell(a):\n    print(a)\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "house"


def digest(house: Path, words: tuple[str, ...] | None = ("tanh",)) -> str:
    return Package(house, ("house.errors",)).digest(["house.nets.LeNet"], words)


def names(house: Path, words: tuple[str, ...] | None = ("tanh",)) -> set[str]:
    found = Package(house, ("house.errors",)).reachable(["house.nets.LeNet"], words)
    return {name for _, name in found}


def change(house: Path, name: str, old: str, new: str) -> None:
    text = (house / name).read_text()
    assert old in text
    (house / name).write_text(text.replace(old, new))


def test_what_is_reachable(house: Path) -> None:
    everything = {"LeNet", "ACTIVATIONS", "tanh", "scaled", "handler", "SIZE"}
    assert names(house) == everything
    assert names(house, ("relu",)) == everything - {"tanh"} | {"relu"}
    assert names(house, None) == everything | {"relu"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("nets/lenet.py", "# why", "# for another reason"),
        ("nets/lenet.py", '"""Docstring."""', '"""Another one."""'),
        ("nets/lenet.py", '"""A net."""', ""),
        ("nets/lenet.py", "no digits", "give some digits"),
        ("nets/lenet.py", '(self, x: "Tensor") -> "Tensor"', "(self, x)"),
        ("nets/lenet.py", "return path", "return path + 1"),
        (
            "nets/lenet.py",
            "import torch.nn.functional as F",
            "from torch.nn import functional as F",
        ),
        ("nets/layers.py", "max(a, 0)", "max(a, 1)"),
        ("nets/layers.py", "return 1", "return 2"),
        ("paper.py", "OTHER = 6", "OTHER = 7"),
        ("errors.py", "print(a)", "print(2 * a)"),
    ],
)
def test_what_changes_nothing(house: Path, name: str, old: str, new: str) -> None:
    before = digest(house)
    change(house, name, old, new)
    assert digest(house) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("nets/lenet.py", "width: int = 5", "width: int = 6"),
        ("nets/lenet.py", "F.conv2d", "F.conv1d"),
        ("nets/lenet.py", "if x is None", "if x is not None"),
        ("nets/layers.py", "a / 3", "a / 4"),
        ("nets/layers.py", "2 * a", "3 * a"),
        (
            "nets/layers.py",
            "def unused",
            "@handler.register\ndef also(a):\n    return a\n\n\ndef unused",
        ),
        ("nets/layers.py", "return 1\n", "return 1\n\n\nhandler.register(unused)\n"),
        ("nets/layers.py", "REGISTRY = []", 'REGISTRY = []\nACTIVATIONS["tanh"] = relu'),
        ("paper.py", "SIZE = 5", "SIZE = 6"),
    ],
)
def test_what_changes_it(house: Path, name: str, old: str, new: str) -> None:
    before = digest(house)
    change(house, name, old, new)
    assert digest(house) != before


def test_a_file_may_move(house: Path) -> None:
    before = digest(house)
    (house / "layers").mkdir()
    (house / "nets" / "layers.py").rename(house / "layers" / "plain.py")
    (house / "layers" / "__init__.py").write_text(
        "from house.layers.plain import ACTIVATIONS, scaled\n"
    )
    change(house, "nets/lenet.py", "from house.nets.layers import", "from house.layers import")
    change(house, "nets/lenet.py", "from house import paper", "from house.paper import SIZE")
    change(house, "nets/lenet.py", "paper.SIZE", "SIZE")
    assert digest(house) == before


def test_a_name_of_a_functions_own_is_no_use(house: Path) -> None:
    change(
        house,
        "nets/lenet.py",
        "scaled_here = [scaled(x) for x in",
        "scaled_here = [handler for handler in",
    )
    assert names(house) >= {"LeNet", "SIZE"}
    assert not names(house) & {"scaled", "handler"}
