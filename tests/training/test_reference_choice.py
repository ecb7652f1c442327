from __future__ import annotations

from neurolect.training.reference_choice import reference_accuracies


def rows(subject: str, validation: list[float], test: list[float]) -> list[tuple[int, str, float]]:
    return [
        row
        for step, (val, tested) in enumerate(zip(validation, test, strict=True))
        for row in ((step, f"val/accuracy/{subject}", val), (step, f"test/accuracy/{subject}", tested))
    ]


def test_of_epochs_with_the_best_validation_the_best_test_accuracy_is_reported():
    metrics = rows("one", [0.5, 0.70001, 0.70004, 0.6], [0.9, 0.4, 0.6, 1.0]) + rows("two", [0.1, 0.2], [0.3, 0.2])
    assert reference_accuracies(metrics, ["one", "two"]) == {
        "test/accuracy/one/reference": 0.6,
        "test/accuracy/two/reference": 0.2,
        "test/accuracy/reference": 0.4,
    }


def test_subjects_without_test_trials_are_left_out():
    metrics = [*rows("one", [0.5], [0.25]), (0, "val/accuracy/two", 0.5)]
    assert reference_accuracies(metrics, ["one", "two"]) == {
        "test/accuracy/one/reference": 0.25,
        "test/accuracy/reference": 0.25,
    }
