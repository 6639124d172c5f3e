"""The same functions and loops on real Dask and Ray."""

import numpy as np
import pytest

from qloop.errors import UserCodeError
from qloop.runtime.embedded import Runtime

from . import loop_tasks, tasks

PATIENCE_S = 240


@pytest.mark.ci
@pytest.mark.parametrize(("engine", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_functions_run_there_as_they_do_here(engine: str, module: str) -> None:
    pytest.importorskip(module)
    with Runtime(workers=1, journal=":memory:") as runtime:
        here = loop_tasks.minimise.options(runtime=runtime).submit("spsa", 5, 50).result(PATIENCE_S)
    with Runtime(pilots=[f"{engine}:1"], journal=":memory:") as runtime:
        told = tasks.tell.options(runtime=runtime).submit(3)
        told.result(PATIENCE_S)
        assert told.logs().splitlines() == ["line 0", "line 1", "line 2"]
        assert dict(told.metrics) == {"square": 4.0}
        assert told.progress.fraction == 1.0
        array, _ = tasks.doubled.options(runtime=runtime).submit(np.ones(2_000_000)).result(PATIENCE_S)
        assert array.sum() == 4_000_000.0
        failed = tasks.fail.options(runtime=runtime).submit("luck")
        with pytest.raises(UserCodeError, match="no luck"):
            failed.result(PATIENCE_S)
        assert failed.traceback.count("  File ") == 1
        there = loop_tasks.minimise.options(runtime=runtime, pilot=engine).submit("spsa", 5, 50).result(PATIENCE_S)
        assert there[:3] == here[:3]
