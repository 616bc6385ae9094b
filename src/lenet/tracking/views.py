"""What MLflow's page shows first: views of the runs, and the experiment's description, which leads
to them.

MLflow keeps a view that is shared as a tag of the experiment, ``mlflow.sharedViewState.<name>``,
and opens it by its name in the address.
"""

import json
from typing import Any

RUNS, CHARTS = "runs", "charts"  # the views, by name

DESCRIPTION = """\
The classifiers of LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document
Recognition* (1998), section III, on {digits}.

**[The runs]({runs})**, the least test error first, and **[their charts]({charts})**.

One run is one trained classifier; runs of one job (several seeds) and of one sweep (several jobs)
are nested under a parent run. `test/error_pct` is the per cent of wrong test digits after the last
epoch, `interval` its 95 % interval, `paper/error_pct` the paper's figure. Nothing is chosen on the
test set: `validation/error_pct` is there for that. Under *Artifacts*: the resolved configuration,
predictions, the misclassified digits.
"""

COLUMNS = (
    "metrics.`test/error_pct`",
    "tags.`interval`",
    "metrics.`paper/error_pct`",
    "tags.`verdict`",
    "params.`seed`",
    "params.`recipe._target_`",
    "metrics.`training_seconds`",
)


def experiment_tags(experiment: str, digits: str) -> dict[str, str]:
    """The tags of an experiment: its description and its views.

    Args:
        experiment: its id.
        digits: what its runs are trained on, in words.
    """
    description = DESCRIPTION.format(
        digits=digits,
        runs=page(experiment, RUNS),
        charts=page(experiment, CHARTS),
    )
    views = {RUNS: _runs(), CHARTS: _charts(digits == "MNIST")}
    return {
        "mlflow.note.content": description,
        "mlflow.experimentKind": "custom_model_development",
    } | {f"mlflow.sharedViewState.{name}": json.dumps(view) for name, view in views.items()}


def page(experiment: str, view: str = RUNS) -> str:
    """The address of a view, as what follows that of the server."""
    mode = "&compareRunsMode=CHART" if view == CHARTS else ""
    # without its type MLflow shows the page for language models
    where = f"#/experiments/{experiment}/runs?workflowType=machine_learning"
    return f"{where}&viewStateShareKey={view}{mode}"


def _runs() -> dict[str, Any]:
    return {
        "searchFilter": "",
        "orderByKey": "metrics.`test/error_pct`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(COLUMNS),
        "columnOrder": list(COLUMNS),
        "viewMaximized": False,
        "runListHidden": False,
    }


def _charts(of_paper: bool) -> dict[str, Any]:
    """The errors of rows beside the paper's, errors against costs, learning curves."""
    error = "test/error_pct"
    beside = [_scatter("Test error beside the paper's (%)", "paper/error_pct", error)]
    charts = [
        *(beside if of_paper else []),
        _scatter("Test error (%) against multiply-accumulates for a digit", "macs", error),
        _scatter("Test error (%) against seconds of training", "training_seconds", error),
        _line("Training error (%) by epoch", "train/error_pct"),
        _line("Validation error (%) by epoch", "validation/error_pct"),
    ]
    shown: dict[str, Any] = {"display": True, "isReordered": True, "columns": 2}
    section = {"uuid": "lenet", "name": "LeNet"} | shown
    for number, chart in enumerate(charts):
        chart |= {"uuid": f"lenet-{number}", "metricSectionId": section["uuid"]}
    return _runs() | {
        "searchFilter": "params.seed = '0' and params.seeds = 'None'",  # one of each row
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,  # else MLflow sorts its own sections before this one
        "compareRunSections": [section],
        "compareRunCharts": charts,
        "viewMaximized": True,
    }


def _scatter(title: str, across: str, up: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": across, "type": "METRIC"}, "yaxis": {"key": up, "type": "METRIC"}}
    return {"type": "SCATTER", "displayName": title, "runsCountToCompare": 300, **axes}


def _line(title: str, metric: str) -> dict[str, Any]:
    return {"type": "LINE", "displayName": title, "runsCountToCompare": 300, "metricKey": metric}
