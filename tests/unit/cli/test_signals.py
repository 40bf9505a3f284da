"""Being asked to stop: what is under way is finished and kept."""

from __future__ import annotations

import os
import signal

import pytest

from sfsync.cli.signals import Interrupted, Stop

pytestmark = pytest.mark.usefixtures("at_a_terminal")


def test_a_command_that_waits_is_interrupted_where_it_is() -> None:
    with Stop(), pytest.raises(Interrupted) as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
    assert stopped.value.exit_code == 143


def test_a_run_that_writes_goes_on_to_its_next_checkpoint() -> None:
    with Stop() as stop:
        stop.draining = True
        stop.checkpoint()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted) as stopped:
            stop.checkpoint()
    assert stopped.value.exit_code == 130


def test_asked_twice_it_ends_at_once() -> None:
    with Stop() as stop:
        stop.draining = True
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_draining_does_not_last_for_ever() -> None:
    with Stop(drain_seconds=0.01) as stop:
        stop.draining = True
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            signal.pause()


def test_the_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_end_of_the_terminal_is_a_request_to_stop_unless_nohup_says_otherwise() -> None:
    with Stop(), pytest.raises(Interrupted) as stopped:
        os.kill(os.getpid(), signal.SIGHUP)
    assert stopped.value.exit_code == 129
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Stop():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
