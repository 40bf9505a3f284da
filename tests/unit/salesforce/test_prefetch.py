"""One call ahead."""

from __future__ import annotations

import threading

import pytest

from sfsync.errors import GrantRevoked
from sfsync.salesforce.prefetch import Prefetch, RenewalNeededError, is_prefetching


def test_a_call_is_under_way_before_its_result_is_wanted() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def call() -> str:
        begun.set()
        go_on.wait(5)
        return "page"

    coming = Prefetch(call)
    assert begun.wait(5)
    go_on.set()
    assert coming.result() == "page"


def test_what_goes_wrong_is_told_where_the_result_is_wanted() -> None:
    def call() -> str:
        raise GrantRevoked("gone")

    coming = Prefetch(call)
    with pytest.raises(GrantRevoked):
        coming.result()


def test_a_call_whose_login_has_ended_is_made_again_where_its_result_is_wanted() -> None:
    def call() -> str:
        if is_prefetching():
            raise RenewalNeededError
        return threading.current_thread().name

    assert Prefetch(call).result() == threading.current_thread().name
