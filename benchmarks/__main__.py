"""`python -m benchmarks`: every benchmark of this folder."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder))
    runpy.run_path(str(folder / "run_all.py"), run_name="__main__")
