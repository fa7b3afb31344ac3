"""Simultaneous streams of an account."""

from __future__ import annotations

import pytest

from hocket.errors import ConfigError
from hocket.resilience.slots import Slots


def test_an_account_without_a_limit_always_has_room() -> None:
    slots = Slots()
    assert all(slots.take("openai/gpt") for _ in range(1000))
    assert slots.free("openai/gpt") is None
    assert slots.taken("openai") == slots.taken("openai/gpt") == 1000


def test_all_models_of_a_vendor_share_its_limit() -> None:
    slots = Slots({"openai": 2})
    assert slots.take("openai/small")
    assert slots.take("openai/large")
    assert not slots.take("openai/small")
    assert slots.free("openai/small") == 0
    assert slots.take("anthropic/haiku")
    slots.give("openai/large")
    assert slots.free("openai/small") == 1
    assert slots.take("openai/small")


def test_a_model_may_have_a_limit_of_its_own() -> None:
    slots = Slots({"openai": 3, "openai/large": 1})
    assert slots.take("openai/large")
    assert not slots.take("openai/large")
    assert slots.taken("openai") == 1, "a slot that was refused is not taken from the vendor either"
    assert slots.free("openai/large") == 0
    assert slots.free("openai/small") == 2


def test_a_name_without_a_vendor_counts_once() -> None:
    slots = Slots({"embedded": 1})
    assert slots.take("embedded")
    assert not slots.take("embedded")
    slots.give("embedded")
    assert slots.taken("embedded") == 0


def test_a_slot_is_given_back_once() -> None:
    slots = Slots()
    slots.take("a/b")
    slots.give("a/b")
    with pytest.raises(AssertionError):
        slots.give("a/b")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nobody_through_is_a_mistake(limit: int) -> None:
    with pytest.raises(ConfigError, match='"deepgram"'):
        Slots({"deepgram": limit})
