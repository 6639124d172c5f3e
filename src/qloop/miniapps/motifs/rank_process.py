"""One rank: started by `mpiexec`, it calls the function of its folder; rank 0 leaves there what all of them return."""

from __future__ import annotations

import pickle
import sys
import traceback
from importlib import import_module
from pathlib import Path

from qloop.miniapps.motifs.ranks import CALL, VALUES, on_this_rank


def main(folder: str) -> None:
    """Call the function; an error ends all ranks."""
    place, world = Path(folder), import_module("mpi4py.MPI").COMM_WORLD
    try:
        function, arguments = pickle.loads((place / CALL).read_bytes())
        values = on_this_rank(function, arguments, world.Get_size())
        if world.Get_rank() == 0:
            (place / VALUES).write_bytes(pickle.dumps(values))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        world.Abort(1)


if __name__ == "__main__":
    main(sys.argv[1])
