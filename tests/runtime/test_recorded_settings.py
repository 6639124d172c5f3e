"""A recording names all settings of its policy, so that it replays as it ran when defaults are others."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from qloop.policies.catalog import named_settings, policy
from qloop.policies.columns import CHUNK_S, PHI
from qloop.runtime.embedded import Runtime
from qloop.simulator.replay.replay import recorded_policy


def test_the_header_names_what_was_chosen_and_what_was_not() -> None:
    with Runtime(qpus=["exact"], clock="virtual", journal=":memory:", trace=True,
                 policy_settings={"phi": 0.3}) as runtime:
        trace = runtime.trace()
    told = trace.header.configuration["settings"]
    assert {**named_settings(policy("efaas")), "phi": 0.3} == told
    assert named_settings(policy("efaas", phi=0.3)) == told


def test_a_recording_keeps_its_settings_when_defaults_change() -> None:
    with Runtime(qpus=["exact"], clock="virtual", journal=":memory:", trace=True) as runtime:
        trace = runtime.trace()
    configuration = {**trace.header.configuration}
    configuration["settings"] = {**configuration["settings"], "chunk_s": 0.25}
    trace = replace(trace, header=msgspec.structs.replace(trace.header, configuration=configuration))
    record = recorded_policy(trace)
    assert record.settings[CHUNK_S] == 0.25
    assert record.settings[PHI] == policy("efaas").settings[PHI]
