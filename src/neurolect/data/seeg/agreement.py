"""Subjects that go into one batch must agree in what a batch has but one of."""

from __future__ import annotations

from collections.abc import Sequence

from neurolect.data.seeg.layout import Subject
from neurolect.errors import DataError


def require_alike(subjects: Sequence[Subject], unit: str, values: Sequence[float]) -> None:
    """Refuse subjects that cannot be put into one batch.

    Raises:
        DataError: names the first subject whose value differs from the first subject's.
    """
    for subject, value in zip(subjects, values, strict=True):
        if value != values[0]:
            raise DataError(
                f"{subject.folder}: subject {subject.info.name} has {value:g} {unit}, subject {subjects[0].info.name} "
                f"has {values[0]:g}"
            )
