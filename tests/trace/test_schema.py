from typing import get_args

import msgspec
import pytest

from qloop.trace import schema as ev
from qloop.trace.index import _Builder

SECTION_2 = {
    "iteration_begin", "params_ready", "submitted", "placed", "transpile_begin", "transpile_end", "enqueued",
    "calibration_begin", "calibration_end", "qpu_begin", "qpu_end", "result", "speculation_launched",
    "speculation_committed", "speculation_squashed", "session_opened", "session_closed", "cpu_begin", "cpu_end",
    "cold_start"}
FURTHER = {"tenant_terms", "qpu_offline", "qpu_online", "qpu_reserved", "qpu_released", "task_failed", "task_cancelled",
           "iteration_end", "chunk_end", "profiled"}
KINDS = get_args(ev.AnyEvent)
VALUES = {str: "x", int: 7, float: 0.5, dict: {"isa": 1}}


def example(kind):
    """An event with every field filled."""
    fields = {}
    for field in msgspec.structs.fields(kind):
        choices = get_args(field.type)
        if field.type in VALUES:
            fields[field.name] = VALUES[field.type]
        elif field.name in ("values", "noiseless") and kind is ev.Result:
            fields[field.name] = (0.25, None)
        elif field.name == "caches":
            fields[field.name] = {"isa": True}
        elif field.name == "cost":
            fields[field.name] = {"wait": 1.5}
        elif field.type is bool:
            fields[field.name] = not field.default
        elif float in choices:
            fields[field.name] = 0.5
        elif int in choices:
            fields[field.name] = 7
        else:
            fields[field.name] = choices[-1]
    return kind(**fields)


def test_the_kinds_are_those_of_the_specification():
    assert {kind.__struct_config__.tag for kind in KINDS} == SECTION_2 | FURTHER
    assert len(KINDS) == len(SECTION_2 | FURTHER)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_survives_its_line_in_a_file(kind):
    event = example(kind)
    line = msgspec.json.encode(event)
    assert msgspec.json.decode(line, type=ev.AnyEvent) == event
    assert msgspec.json.decode(line)["kind"] == kind.__struct_config__.tag


def test_the_index_has_a_handler_for_every_kind():
    assert _Builder().handlers().keys() == set(KINDS)


def test_events_cannot_be_changed():
    with pytest.raises(AttributeError):
        ev.QpuOffline(1, 2, qpu="A").t = 3


def test_fields_at_their_default_are_not_written():
    line = msgspec.json.encode(ev.QpuBegin(5, 1, session="s", iteration=0, task="s/0", qpu="A"))
    assert msgspec.json.decode(line) == {"kind": "qpu_begin", "t": 5, "seq": 1, "session": "s", "iteration": 0,
                                         "task": "s/0", "qpu": "A"}
