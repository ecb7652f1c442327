"""`neurolect data convert`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.conversion_plan import Continuous
from neurolect.data.seeg.raw_sources import SourceSettings
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.data.seeg.word_events import WordEvents


def data_convert(
    source: list[Path],
    out: Path,
    subject: str | None = None,
    preparation: Preparation = Preparation(),
    events: str | None = None,
    trials: WordEvents = WordEvents(),
    tables: SourceSettings = SourceSettings(),
    continuous: Continuous = "auto",
    channels: list[str] | None = None,
    shafts: list[str] | None = None,
    regions: list[str] | None = None,
    region_table: Path | None = None,
    exclude: list[str] | None = None,
    keep: list[str] | None = None,
    importance: Path | None = None,
    n_channels: int = 10,
    figure: bool = False,
    replace: bool = False,
) -> None:
    """Turn raw field potentials into the packed form that training reads.

    Re-references along each shaft, takes out the power line, keeps 0.5 to 200 Hz, resamples to 1000 Hz and cuts trials
    around spoken words. EDF, BDF, FIF, BrainVision, EEGLAB and BIDS-iEEG are read through MNE (extra `ieeg`), NWB
    through pynwb (extra `nwb`). Everything that is left out is printed with its reason. Du-IN's release, which is
    prepared already, is packed as it is.

    Args:
        source: files of one subject, BIDS folders, or the folder of Du-IN's release.
        out: folder that gets one folder per subject.
        subject: whose files these are; of a BIDS folder or the release, the one to take.
        preparation: what is done to each channel.
        events: 'source' makes trials of the annotations, events.tsv or NWB trials that come with the recordings, and a
            CSV file `onset,word[,run]` of those in it; without, there are no trials.
        trials: which events are words, and how long trials are.
        tables: columns and series of the source, where there is a choice.
        continuous: recordings to keep whole, for pre-training: 'auto' those without trials, 'all', or 'none'. One with
            trials bears the name of its run, so that pre-training ends before the trials that are held out.
        channels: prepared channels to keep, in this order; a bipolar channel bears the name of its first contact.
        shafts: electrodes to keep, such as A or TI'.
        regions: anatomical regions to keep.
        region_table: CSV file `channel,region`; BIDS and NWB say regions themselves.
        exclude: contacts to leave out before re-referencing, such as 'DC*'.
        keep: contacts to take although they are called like an amplifier's other channels.
        importance: run on segments of these subjects; the channels that its model weighs most are kept, the weightiest
            first.
        n_channels: how many of them.
        figure: draw the spectra before and after beside each subject's folder, as SUBJECT.png.
        replace: put this in the place of subjects that are in the output already.

    Examples:
        neurolect data convert day1.edf day2.edf --out data/packed --subject p01 --preparation.mains 50
        neurolect data convert day1.edf --out data/packed --subject p01 --events words.csv --trials.stop 2.0
        neurolect data convert bids_dataset --out data/packed --events source --tables.text_column trial_type
        neurolect data convert Du-IN/data --out data/packed --subject 001
        neurolect data convert p02.nwb --out data/packed --subject p02 --events source --regions STG vSMC --figure
        neurolect data convert day1.edf --out data/ten --subject p01 --preparation.mains 50 --importance runs/all
    """
    import dataclasses

    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.data.seeg.channel_selection import ChannelSelection, read_regions
    from neurolect.data.seeg.conversion import convert_release, convert_subject, require_new
    from neurolect.data.seeg.conversion_plan import plan_subject, require_trials
    from neurolect.data.seeg.duin_release import find_duin_subjects
    from neurolect.data.seeg.preparation_figure import draw_preparation
    from neurolect.data.seeg.raw_sources import open_sources
    from neurolect.data.seeg.word_events import events_of
    from neurolect.errors import ConfigError

    if channels is not None and importance is not None:
        raise ConfigError("channels and importance both choose by name: give one of them")
    selection = ChannelSelection(channels or (), shafts or (), regions or (), exclude or (), keep or ())
    console = plain_console(stderr=True)
    if releases := [path for path in source if find_duin_subjects(path)]:
        asked = any((events, channels, shafts, regions, region_table, exclude, keep, importance, figure))
        shaped = (preparation, trials, tables, continuous) != (Preparation(), WordEvents(), SourceSettings(), "auto")
        if releases != source or asked or shaped:
            raise ConfigError(f"{releases[0]}: Du-IN's release is prepared already: it takes only subject and replace")
        for folder in (folder for path in releases for folder in convert_release(path, out, subject, replace)):
            print(folder)
        return
    found = open_sources(source, subject, tables)
    for name in found:
        require_new(out / name, replace)
    chosen = dict.fromkeys(found, selection)
    if importance is not None:
        from neurolect.training.channel_importance import most_important_channels
        from neurolect.training.runs import load_segments

        run = load_segments(importance, device="cpu")
        weighed = {name: most_important_channels(run, name, n_channels) for name in found}
        chosen = {name: dataclasses.replace(selection, names=weighed[name], all_names=False) for name in found}
    known_regions = None if region_table is None else read_regions(region_table)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        for name, raws in found.items():
            reading = bar.add_task(f"{name}: looking for broken contacts", total=None)
            plan = plan_subject(
                name, raws, preparation, chosen[name], events_of(raws, events), trials, continuous, known_regions
            )
            bar.remove_task(reading)
            require_trials(plan, events)
            task = bar.add_task(name, total=plan.n_steps)
            folder = convert_subject(plan, out, replace, lambda task=task: bar.advance(task))  # type: ignore[misc]
            bar.remove_task(task)
            for note in plan.notes:
                console.print(f"note: {note}", soft_wrap=True)
            print(plan.summary(folder))
            if figure:
                print(draw_preparation(plan, out / f"{name}.png"))
