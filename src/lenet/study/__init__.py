"""The study: its stages, how large it is, what is stale: python -m lenet.study --help"""
