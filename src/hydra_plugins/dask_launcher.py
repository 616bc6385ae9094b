"""``hydra/launcher=dask``: hands the jobs of a sweep to the workers of a Dask cluster.

A job is a process of its own, which ends when its worker does: so it has its own number of threads
and gets signals as any run does. Dask runs the job of a worker that died again, on another one.
"""

import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from lenet.experiment import SweepJob, cores
from lenet.terminal import Failure

RETRIES = 3  # of a job whose process dies; as often as, by default, of one whose worker does
ENDS_WITHIN = 60.0  # seconds that interrupted jobs are given to close their runs
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_one = threading.Lock()  # a worker of several threads still runs one job at a time
_sweep: list[str] = []  # of the latest job on this worker


class DaskLauncher(Launcher):
    """Args: address of the scheduler, or None for ``workers`` on this machine, None: one a core."""

    def __init__(self, address: str | None, workers: int | None) -> None:
        self.address, self.workers = address, workers

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.context, self.function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list:
        setup_globals()
        jobs = [self._compose(initial_job_idx + i, each) for i, each in enumerate(job_overrides)]
        env = {k: v for k, v in os.environ.items() if k in (*THREADS, "LENET_ROOT", "MNIST_ROOT")}
        sweep, futures = str(self.config.hydra.sweep.dir), []
        with self._connect() as client:
            workers = len(client.scheduler_info()["workers"])
            print(f"Dask: {workers} workers now, dashboard {client.dashboard_link}", flush=True)
            try:
                for job in jobs:
                    parts = (self.function, job, self.context, Singleton.get_state())
                    call = (cloudpickle.dumps(parts), sweep, os.getcwd(), env)
                    futures.append(client.submit(run, *call, retries=RETRIES, pure=False))
                return [_result(*pair) for pair in zip(futures, jobs, strict=True)]
            except BaseException:  # Ctrl-C, SIGTERM
                client.cancel(futures, force=True)
                end = monotonic() + ENDS_WITHIN
                while monotonic() < end and any(
                    client.run(runs, sweep, on_error="ignore").values()
                ):
                    sleep(0.2)
                raise

    def _connect(self) -> Any:
        address, workers, refused = self.address, self.workers, "The sweep cannot start:"
        if workers is not None and (type(workers) is not int or workers < 1):
            sys.exit(f"{refused} hydra.launcher.workers={workers} has to be a whole number from 1")
        if address is not None and workers is not None:
            sys.exit(f"{refused} the cluster at hydra.launcher.address has workers of its own")
        try:
            from distributed import Client
        except ImportError:
            sys.exit(f"{refused} hydra/launcher=dask needs the extra: pip install -e '.[dask]'")
        logging.getLogger("distributed").setLevel(logging.WARNING)
        if address is None:
            own = {"n_workers": workers or cores(), "threads_per_worker": 1, "security": True}
            quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
            return Client(**own, **quiet)  # security: no one else hands jobs to these workers
        try:
            return Client(str(address), timeout=10)
        except (OSError, ValueError):
            sys.exit(f"{refused} no Dask scheduler answers at hydra.launcher.address={address}")

    def _compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
            # a worker may have other cores than this machine, and figures would differ by a bit
            config.trainer.threads = config.trainer.threads or cores()
        return config


def _result(future: Any, job: DictConfig) -> Any:
    """What a job returned; where its process or its worker died every time, that is noted."""
    try:
        return cloudpickle.loads(future.result())
    except Exception as e:
        place = SweepJob(Path(job.hydra.sweep.dir), job.hydra.job.num, None)
        place.failed(Failure(job.name, f"{type(e).__name__}: {e}"))
        return JobReturn(status=JobStatus.COMPLETED)


def run(call: bytes, sweep: str, folder: str, env: Mapping[str, str]) -> bytes:
    """On a worker: runs a job, or stops it once the sweep is gone; what it returned, pickled."""
    from distributed import get_worker

    task = get_worker().state.tasks[get_worker().get_current_task()]
    with _one, tempfile.TemporaryFile() as result:
        _sweep[:] = [sweep]
        with subprocess.Popen(
            [sys.executable, "-m", "hydra_plugins.dask_launcher", str(result.fileno())],
            stdin=subprocess.PIPE,
            cwd=folder,
            env=os.environ | env,
            pass_fds=[result.fileno()],
            start_new_session=True,  # Ctrl-C reaches the sweep, which then stops its jobs
        ) as process:
            assert process.stdin
            process.stdin.write(call)
            process.stdin.flush()
            while process.poll() is None and task.state != "cancelled":
                sleep(0.2)
            process.terminate()
            process.wait()
        if process.returncode:
            raise RuntimeError(f"its process ended with status {process.returncode}")
        result.seek(0)
        return result.read()


def runs(sweep: str) -> bool:
    """On a worker: whether a job of the sweep runs."""
    return _one.locked() and _sweep == [sweep]


def _end_with_worker() -> None:
    os.read(0, 1)  # until nobody holds the other end of the pipe
    os._exit(1)  # as if killed


if __name__ == "__main__":  # a job's process
    function, config, context, state = cloudpickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_worker, daemon=True).start()
    setup_globals()
    Singleton.set_state(state)
    returned = run_job(function, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)
    with open(int(sys.argv[1]), "wb") as result:
        cloudpickle.dump(returned, result)
