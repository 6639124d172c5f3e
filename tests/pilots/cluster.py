"""Somebody else's Dask or Ray, run by tests as a process of its own: prints its address, works when told to.

    python -m tests.pilots.cluster dask|ray
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable


def on_dask(folder: str) -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=4, host="127.0.0.1", dashboard_address=None,
                      local_directory=folder) as cluster, Client(cluster) as client:
        serve(cluster.scheduler_address, lambda: client.submit(lambda: 42, pure=False).result())


def on_ray(folder: str) -> None:
    import ray

    about = ray.init(address="local", num_cpus=4, _temp_dir=folder, include_dashboard=False, log_to_driver=False,
                     object_store_memory=100_000_000)
    number = ray.remote(num_cpus=0)(lambda: 42)
    serve(about.address_info["gcs_address"], lambda: ray.get(number.remote()))
    ray.shutdown()


def serve(address: str, work: Callable[[], int]) -> None:
    print(address, flush=True)
    for _ in sys.stdin:
        print(work(), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="qloop-test-", ignore_cleanup_errors=True) as made:
        {"dask": on_dask, "ray": on_ray}[sys.argv[1]](made)
