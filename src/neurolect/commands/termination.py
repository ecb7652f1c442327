"""SIGTERM as an exception, so that it ends a verb as Ctrl-C does and unfinished files go."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise `Terminated` in what runs inside when SIGTERM comes; further ones are ignored while it is being left.

    Changes nothing outside the main thread, which alone may handle signals, and where SIGTERM is handled or ignored
    already.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    report = sys.unraisablehook

    def terminate(*_: Any) -> None:
        # A second signal must not break the tidying that the first began.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    def retry(lost: Any) -> None:
        if lost.exc_type is not Terminated:
            report(lost)
            return
        # The signal came during a destructor, which Python lets no exception leave.
        signal.signal(signal.SIGTERM, terminate)
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()

    signal.signal(signal.SIGTERM, terminate)
    sys.unraisablehook = retry
    try:
        yield
    finally:
        sys.unraisablehook = report
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
