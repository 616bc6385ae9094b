"""The paper's figures are consistent with each other."""

from lenet import paper


def test_figure_9_has_27_rows() -> None:
    assert len(paper.ROWS) == 27
    assert min(row.test_error for row in paper.ROWS.values()) == 0.7
    assert paper.ROWS["lenet5"].test_error == 0.95
    assert sum(row.distorted for row in paper.ROWS.values()) == 7


def test_layers_add_up_to_the_sums_of_the_text() -> None:
    layers = paper.LENET5.values()
    assert sum(layer.parameters for layer in layers) == paper.LENET5_PARAMETERS == 60_000
    assert sum(layer.connections for layer in layers) == paper.LENET5_CONNECTIONS == 340_908


def test_table_1_has_the_60_kernels_of_c3() -> None:
    kernels = sum(len(maps) for maps in paper.TABLE_I)
    assert kernels == 60
    assert 25 * kernels + 16 == paper.LENET5["C3"].parameters
    assert [len(maps) for maps in paper.TABLE_I] == 6 * [3] + 9 * [4] + [6]


def test_one_learning_rate_a_pass() -> None:
    assert len(paper.ETA) == paper.PASSES == 20
    assert paper.ETA[0] == 5e-4
    assert paper.ETA[-1] == 1e-5
