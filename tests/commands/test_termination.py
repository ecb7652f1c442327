from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from neurolect.commands.termination import Terminated, sigterm_raises


def terminate_this_process():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)


def test_sigterm_raises_inside_and_all_is_as_before_afterwards():
    hook = sys.unraisablehook
    with pytest.raises(Terminated), sigterm_raises():
        terminate_this_process()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert sys.unraisablehook is hook


def test_a_second_sigterm_does_not_break_the_tidying_of_the_first():
    tidied = []

    def work():
        try:
            terminate_this_process()
        finally:
            terminate_this_process()
            tidied.append(True)

    with pytest.raises(Terminated), sigterm_raises():
        work()
    assert tidied


def test_a_sigterm_that_comes_during_a_destructor_is_not_lost():
    class Dying:
        def __del__(self):
            terminate_this_process()

    def work():
        Dying()
        time.sleep(10)

    began = time.monotonic()
    with pytest.raises(Terminated), sigterm_raises():
        work()
    assert time.monotonic() - began < 5


def test_a_handler_of_somebody_else_stays():
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(True))
    try:
        with sigterm_raises():
            terminate_this_process()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert seen == [True]


def test_another_thread_than_the_main_one_may_use_it_too():
    failures = []

    def work():
        try:
            with sigterm_raises():
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failures
