"""Programs that answer as SLURM's do, for one machine without a queue, and keep what they were asked."""

from __future__ import annotations

import sys
from pathlib import Path

_SBATCH = """#!{python}
import os, re, subprocess, sys
from pathlib import Path
here = Path(__file__).parent
number = 100 + len(list(here.glob("*.sbatch")))
script = Path(sys.argv[-1]).read_text()
(here / f"{{number}}.sbatch").write_text(script)
environment = os.environ | {{
    "SLURM_JOB_ID": str(number), "SLURM_JOB_NUM_NODES": "1", "SLURM_NTASKS": "1", "SLURM_NODEID": "0",
    "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_NODELIST": "localhost", "SLURM_JOB_NAME": "neurolect",
}}
job = subprocess.Popen(
    ["bash", sys.argv[-1]], env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
(here / f"{{number}}.pid").write_text(str(job.pid))
print(f"Submitted batch job {{number}}")
"""

_SRUN = """#!{python}
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    option, *words = words
    # The option's value is a word of its own where there is no =.
    if option in ("--output", "--error"):
        words = words[1:]
os.environ["SUBMITIT_EXECUTOR"] = "slurm"
os.execvp(words[0], words)
"""

_SACCT = """#!{python}
import sys
from pathlib import Path
here = Path(__file__).parent
print("JobID|State|NodeList")
for path in here.glob("*.pid"):
    pid = int(path.read_text())
    try:
        alive = Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        alive = False
    state = "RUNNING" if alive else "CANCELLED" if path.with_suffix(".cancelled").exists() else "COMPLETED"
    print(f"{{path.stem}}|{{state}}|localhost")
"""

_SCANCEL = """#!{python}
import os, signal, sys
from pathlib import Path
here = Path(__file__).parent
for number in filter(str.isdigit, sys.argv[1:]):
    (here / f"{{number}}.cancelled").touch()
    # SLURM signals every process of a job; those of other sessions are found by their parents.
    pending, found = [int((here / f"{{number}}.pid").read_text())], []
    while pending:
        pid = pending.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{{pid}}/task").iterdir():
                pending += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass
    for pid in reversed(found):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
"""


def write_slurm(folder: Path) -> Path:
    """Write sbatch, srun, sacct and scancel to a folder, to be put before all others in PATH."""
    folder.mkdir()
    programs = {"sbatch": _SBATCH, "srun": _SRUN, "sacct": _SACCT, "scancel": _SCANCEL}
    for name, text in programs.items():
        (folder / name).write_text(text.format(python=sys.executable), encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder
