"""`neurolect report run`."""

from __future__ import annotations

from pathlib import Path


def report_run(run: Path, data: Path | None = None, device: str = "auto") -> None:
    """Write the report and the model card of a run on segments.

    Writes report.html (course of training and importance of channels; of a VQ-VAE also reconstructions of validation
    segments and use of the codebook) and README.md, the model card, into the run folder. It reads no test data.

    Args:
        run: folder of a run of `pretrain vqvae`, `pretrain mae`, `train words`, ….
        data: folder of subjects; by default the one the run was trained on.
        device: `auto`, `cpu`, `cuda:0`, …

    Examples:
        neurolect report run runs/001/vqvae
        neurolect report run runs/001/mae --data copied/seeg --device cpu
    """
    from neurolect.commands.plain_console import plain_console
    from neurolect.evaluation.model_card import write_model_card
    from neurolect.evaluation.run_report import REPORT, write_run_report
    from neurolect.training.runs import load_segments

    console = plain_console()
    trained = load_segments(run, device=device)
    for note in write_run_report(run, trained, data):
        console.print(f"note: {note}", soft_wrap=True)
    card = write_model_card(run, trained, data)
    console.print(f"report: {run / REPORT}", soft_wrap=True)
    console.print(f"model card: {card}", soft_wrap=True)
