"""`neurolect data check`."""

from __future__ import annotations

from pathlib import Path


def data_check(path: Path) -> None:
    """Validate a dataset and print a table of what it holds.

    Knows sessions in the T15 layout, subjects with field potentials in the packed layout, and subjects as Du-IN
    released them. Every trial is read. Problems are listed below the table, each with its file and trial or channel,
    and make the exit status 2.

    Args:
        path: folder that holds one folder per session or subject.

    Examples:
        neurolect data check data/hdf5_data_final
        neurolect data check data/packed
    """
    from neurolect.commands.check_tables import show_sessions, show_subjects
    from neurolect.commands.plain_console import plain_console
    from neurolect.data.seeg.check import check_duin_release, check_packed, other_folders, require_known_layout
    from neurolect.data.seeg.duin_release import find_duin_subjects
    from neurolect.data.seeg.layout import SUBJECT
    from neurolect.errors import DataError

    console = plain_console()
    if any(path.glob(f"*/{SUBJECT}")):
        problems, trials = show_subjects(path, check_packed(path), console)
        for folder in other_folders(path):
            console.print(f"note: {folder}: no subject's folder, {SUBJECT} is not in it", soft_wrap=True)
    elif find_duin_subjects(path):
        problems, trials = show_subjects(path, check_duin_release(path), console)
    else:
        require_known_layout(path)
        problems, trials = show_sessions(path, console)
    for problem in problems:
        console.print(f"problem: {problem}", soft_wrap=True)
    if problems:
        raise DataError(f"{path}: {len(problems)} problems in {trials} trials")
    console.print("no problems found")
