from __future__ import annotations

import pytest

from neurolect.errors import NeurolectError
from neurolect.online import child_process
from neurolect.online.child_process import child


@pytest.fixture
def verb(monkeypatch):
    """Has the child run a text of Python in place of the command line."""

    def runs(text: str) -> None:
        head, _ = child_process._PROGRAM.split("from neurolect")
        monkeypatch.setattr(child_process, "_PROGRAM", head + text)

    return runs


def test_what_a_child_prints_is_told_from_the_first_line_to_the_last(verb):
    verb("print('first'); print('ready to go', flush=True); sys.stdin = None; time.sleep(60)")
    told = []
    with child([], ready="ready", say=told.append) as look_after:
        look_after()
        assert told == ["first", "ready to go"]
    with pytest.raises(NeurolectError, match="has ended"):
        look_after()


def test_a_child_that_ends_before_it_is_ready_is_never_taken_for_one_that_is(verb):
    # Its output ends well before it does.
    verb("import os; os.close(1); os.close(0); time.sleep(0.5); os._exit(3)")
    with pytest.raises(NeurolectError, match="'neurolect serve x' has ended"), child(["serve", "x"], "ready"):
        pytest.fail("it was never ready")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_child_whose_lines_cannot_be_shown_is_ended(verb):
    def say(line: str) -> None:
        raise BrokenPipeError

    verb("print('loading', flush=True); time.sleep(60)")
    with pytest.raises(NeurolectError, match="has ended"), child([], "ready", say):
        pytest.fail("it was never ready")


def test_bytes_that_are_no_text_end_nobody(verb):
    verb(r"sys.stdout.buffer.write(b'\xff\nready\n'); sys.stdout.flush(); time.sleep(60)")
    told = []
    with child([], "ready", told.append):
        assert told[1] == "ready"
