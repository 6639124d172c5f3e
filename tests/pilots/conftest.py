"""Every test of pilots ends as it began: without a child process and without a descriptor more."""

from __future__ import annotations

import gc

import pytest

from qloop.pilots.allocator import Allotment
from qloop.testing.slurm_cluster import SlurmCluster, missing

from .processes import children, descriptors


@pytest.fixture(autouse=True)
def _nothing_is_left():
    gc.collect()
    processes, files = children(), descriptors()
    yield
    assert children() == processes
    gc.collect()
    assert descriptors() <= files


@pytest.fixture(scope="session")
def slurm_cluster():
    """A real Slurm of three nodes with two cores each, for as long as the tests of this process run."""
    if why := missing():
        pytest.skip(why)
    with SlurmCluster() as cluster:
        yield cluster


@pytest.fixture
def slurm(slurm_cluster):
    """That Slurm, idle before and after."""
    yield slurm_cluster
    assert not slurm_cluster.left_over()


@pytest.fixture
def slurm_pilot(slurm, tmp_path):
    """A function that makes a pilot on that Slurm: of two cores and four nodes, unless its arguments say otherwise."""
    from qloop.pilots.slurm import SlurmPilot
    from qloop.pilots.slurm_options import SlurmOptions

    def make(name="slurm", *, allotment=None, most_nodes=4, **options):
        asked = SlurmOptions(slurm_conf=str(slurm.conf), folder=str(tmp_path / "shared"), least_watch_s=0.1,
                             most_watch_s=0.5, **options)
        return SlurmPilot(name, options=asked, allotment=allotment or Allotment(cores=2), most_nodes=most_nodes,
                          host="127.0.0.1")

    return make
