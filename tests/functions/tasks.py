"""Functions that the tests of this room have workers run; imported there, so they need little."""

import os
import sys
import time
from pathlib import Path

import numpy as np

import qloop


@qloop.function
def add(a, b=1):
    return a + b


@qloop.function
def total(values, more):
    return sum(values) + sum(more.values())


@qloop.function
def fail(what):
    print("on its way", file=sys.stderr)
    raise ValueError(f"no {what}")


@qloop.function
def counted(path, failures, kind=ValueError):
    """Fails so many times, then returns in which call it is."""
    file = Path(path)
    calls = len(file.read_text()) if file.exists() else 0
    file.write_text("x" * (calls + 1))
    if calls < failures:
        raise kind(f"attempt {calls + 1} of {failures}")
    return calls + 1


@qloop.function
def tell(steps):
    for step in range(steps):
        print(f"line {step}")
        qloop.progress((step + 1) / steps, f"step {step}")
        qloop.log_metric("square", step * step, step)
    return os.getpid()


@qloop.function
def wait_for(path):
    """Ends when the file is there."""
    print("waiting")
    until = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.005)
    return Path(path).exists()


@qloop.function
def say_endlessly():
    while True:
        print("and so on")


@qloop.function
def kill_itself(path):
    with Path(path).open("a") as file:
        file.write("x")
    print("goodbye")
    sys.stdout.flush()
    os._exit(7)


@qloop.function
def same(value):
    return value


@qloop.function
def zeros(n_bytes):
    return np.zeros(n_bytes, dtype=np.uint8)


@qloop.function
def doubled(array):
    array[0] += 0.0     # it may be written to
    return array * 2, os.getpid()


@qloop.function
def sum_of(array):
    return float(array.sum())


@qloop.function
def lock():
    import threading

    return threading.Lock()


@qloop.function
def nested():
    return add.submit(1).result()
