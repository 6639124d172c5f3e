"""The text of a module whose functions read a constant in every way there is."""

from __future__ import annotations

# The text is the same whatever K is, as if K came from a module or a data file that nobody looked at.
CONSTANTS = 'import os\n\nK = float(os.environ["K_OF_A_TEST"])\n'
TEXT = '''
from collections import namedtuple
from heapq import nlargest
import numba
import numpy as np
import constants_of_a_test as constants
from constants_of_a_test import K

ARRAY, SCALAR, PAIR = np.array([1.0, K]), np.float64(K), namedtuple("Pair", "one two")(1.0, K)
LIST, KIND = [K], namedtuple("Kind", "one")

def enter(x):
    return x

def finish(x):
    return x

def simulate(x):
    return 10.0 * enter(x) + finish(x)

def again(x):
    return simulate(x) + start(x)

def start(x):
    return x

def helper(x):
    return K * x

@numba.njit
def jitted(x):
    return K * x

@numba.njit
def jitted_twice(x):
    return jitted(x)

def by_array(x):
    return ARRAY[1] * x

def by_scalar(x):
    return SCALAR * x

def by_named_tuple(x):
    return PAIR.two * x

def by_default(x, k=K):
    return k * x

def by_jitted(x):
    return jitted_twice(x)

def by_module(x):
    return constants.K * x

def by_inner_function(x):
    def inner(y):
        return helper(y)
    return inner(x)

def make(k):
    def by_closure(x):
        return k * x
    return by_closure

by_closure = make(K)

def make_calling(called):
    return lambda x: called(x)

by_called_closure = make_calling(helper)
double, triple = (lambda x: 2.0 * x), (lambda x: 3.0 * x)

def by_list(x):
    return LIST[0] * x

def by_class(x):
    return KIND(K).one * x

def by_comprehension(x):
    return sum([helper(x) for _ in range(1)])

def largest(x):
    return nlargest(1, [x])[0]

def first_of_two(x):
    return second_of_two(x)

def second_of_two(x):
    return first_of_two(x)

def with_keyword(x, *, k=K):
    return k * x

def make_early():
    def early(x):
        return late * x
    yield early
    late = 1.0
    yield late

too_early = next(make_early())
'''
