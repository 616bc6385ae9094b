"""Trains and tests one classifier, or with -m a sweep of them: python train.py --help"""

import os
from pathlib import Path

import hydra
from omegaconf import DictConfig

from lenet.streams import lenient

os.environ.setdefault("LENET_ROOT", str(Path(__file__).resolve().parent))


@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> float | None:
    from lenet.experiment import run

    return run(cfg)


if __name__ == "__main__":
    from lenet.experiment.hydra_errors import told_briefly

    with lenient(), told_briefly():
        main()
