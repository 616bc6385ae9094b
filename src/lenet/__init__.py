"""The executable edition of LeCun, Bottou, Bengio, Haffner (1998), section III."""
