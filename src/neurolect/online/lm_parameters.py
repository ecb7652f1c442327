"""The settings that the language-model server publishes and that its clients may change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.errors import ConfigError
from neurolect.online.lm_protocol import Fields, Received


@dataclass(frozen=True)
class LmParameters:
    """Settings under the reference's names; those of the search are explained in `DecoderOptions`.

    Args:
        lm_path: the language model, by the name or path it was given.
        max_active: of the search.
        min_active: of the search.
        beam: of the search.
        lattice_beam: of the search.
        acoustic_scale: of the search.
        ctc_blank_skip_threshold: of the search, `blank_skip`.
        length_penalty: of the search and of the large language model.
        nbest: of the search, `n_best`.
        blank_penalty: of the search.
        alpha: the large language model's share.
        do_opt: whether the large language model has its say.
        rescore: whether the larger n-gram model has its say.
        top_candidates_to_augment: as `Rescoring.augment`.
        score_penalty_percent: as `Rescoring.augmentation_penalty`.
    """

    lm_path: str
    max_active: int
    min_active: int
    beam: float
    lattice_beam: float
    acoustic_scale: float
    ctc_blank_skip_threshold: float
    length_penalty: float
    nbest: int
    blank_penalty: float
    alpha: float
    do_opt: bool
    rescore: bool
    top_candidates_to_augment: int
    score_penalty_percent: float

    @classmethod
    def of(cls, lm_path: str, options: DecoderOptions, rescoring: Rescoring, rescore: bool) -> LmParameters:
        """Those of a server that starts with these settings."""
        return cls(
            lm_path=lm_path,
            max_active=options.max_active,
            min_active=options.min_active,
            beam=options.beam,
            lattice_beam=options.lattice_beam,
            acoustic_scale=options.acoustic_scale,
            ctc_blank_skip_threshold=options.blank_skip,
            length_penalty=options.length_penalty,
            nbest=options.n_best,
            blank_penalty=options.blank_penalty,
            alpha=rescoring.alpha,
            do_opt=rescoring.llm is not None,
            rescore=rescore,
            top_candidates_to_augment=rescoring.augment,
            score_penalty_percent=rescoring.augmentation_penalty,
        )

    def options(self, others: DecoderOptions) -> DecoderOptions:
        """Settings of the search; those that clients cannot change are taken from others.

        Raises:
            ConfigError: a setting is out of its range.
        """
        return replace(
            others,
            max_active=self.max_active,
            min_active=self.min_active,
            beam=self.beam,
            lattice_beam=self.lattice_beam,
            acoustic_scale=self.acoustic_scale,
            blank_skip=self.ctc_blank_skip_threshold,
            length_penalty=self.length_penalty,
            n_best=self.nbest,
            blank_penalty=self.blank_penalty,
        )

    def rescoring(self, others: Rescoring, llm_length_penalty: float | None = None) -> Rescoring:
        """Settings of the second pass; those that clients cannot change, and the models, are taken from others.

        Args:
            others: the settings that the server was started with.
            llm_length_penalty: the large language model's own; None is the search's.

        Raises:
            ConfigError: a setting is out of its range.
        """
        changed: dict[str, Any] = {
            "augment": self.top_candidates_to_augment,
            "augmentation_penalty": self.score_penalty_percent,
        }
        if not self.rescore:
            changed |= {"lm": None, "graph_lm": None}
        if self.do_opt:
            penalty = self.length_penalty if llm_length_penalty is None else llm_length_penalty
            changed |= {"alpha": self.alpha, "length_penalty": penalty}
        else:
            changed |= {name: getattr(Rescoring, name) for name in ("llm", "alpha", "length_penalty", "context")}
        return replace(others, **changed)

    def to_fields(self) -> Fields:
        """As an entry of the stream of settings: numbers, and 0 or 1 for what is off or on."""
        return {name: int(value) if isinstance(value, bool) else value for name, value in asdict(self).items()}

    def updated(self, received: Received) -> tuple[LmParameters, list[str]]:
        """With what a client wants, and the names it gave that are no settings.

        Raises:
            ConfigError: a value is not of its kind.
        """
        kinds = {field.name: field.type for field in fields(self) if field.name != "lm_path"}
        changed: dict[str, Any] = {}
        unknown = []
        for name, value in received.items():
            known = name.decode(errors="replace")
            if known in kinds:
                changed[known] = _read(known, str(kinds[known]), value)
            elif known != "request":
                unknown.append(known[:40])
        return replace(self, **changed), unknown

    def to_json(self) -> str:
        """For the session's hash."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> LmParameters:
        """From the session's hash.

        Raises:
            ValueError: it is of another version.
        """
        try:
            made = cls(**json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(error) from None
        for each in fields(made):
            kind = type(getattr(made, each.name)).__name__
            if kind != each.type and (kind, each.type) != ("int", "float"):
                raise ValueError(f"{each.name} is of another type")
        return made


def _read(name: str, kind: str, value: bytes) -> bool | int | float:
    text = value.decode(errors="replace").strip()
    try:
        if kind == "float":
            return float(text)
        number = int(text)
    except ValueError:
        wanted = "a number" if kind == "float" else "a whole number"
        raise ConfigError(f"{name} is '{text[:40]}', it must be {wanted}") from None
    if kind == "bool" and number not in (0, 1):
        raise ConfigError(f"{name} is {number}, it must be 0 or 1")
    return bool(number) if kind == "bool" else number
