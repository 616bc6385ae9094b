"""The stages that dvc.yaml calls: python -m lenet.study --help"""

from lenet.study.stages import CONF, RESULTS

__all__ = ["CONF", "RESULTS"]
