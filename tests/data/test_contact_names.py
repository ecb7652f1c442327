from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.seeg.contact_names import Contact, contact_of, pair_of, plain_name

shafts = st.from_regex(r"[A-Z]{1,4}'?|[A-Z]{2}_[A-Z]{2}", fullmatch=True)
prefixes = st.sampled_from(["", "POL ", "EEG ", "SEEG ", "pol "])
suffixes = st.sampled_from(["", "-Ref", "-REF", " -ref", "-Org", "-AVG"])


@given(shafts, st.integers(0, 20), prefixes, suffixes)
def test_a_contact_is_the_same_under_any_decoration(shaft, number, prefix, suffix):
    decorated = f"{prefix}{shaft}{number}{suffix}"
    assert plain_name(decorated) == f"{shaft}{number}"
    assert contact_of(decorated) == Contact(shaft, number)


@pytest.mark.parametrize(
    ("name", "contact"),
    [
        ("A1", Contact("A", 1)),
        ("L'12", Contact("L'", 12)),
        ("TI'3", Contact("TI'", 3)),
        ("LAH10", Contact("LAH", 10)),
        ("B_02", Contact("B", 2)),
        ("LFP_RIGHT_0", Contact("LFP_RIGHT", 0)),
        ("ECOG_L_1_SMC_AT", Contact("ECOG_L_SMC_AT", 1)),
        ("s1", Contact("s", 1)),
        ("A1-A2", None),
        ("Cz", None),
        ("17", None),
        ("A1-0", None),
        ("", None),
    ],
)
def test_shaft_and_number_are_read_from_a_name(name, contact):
    assert contact_of(name) == contact


@given(shafts, st.integers(1, 20), st.sampled_from(["-", " - "]), prefixes)
def test_a_difference_of_two_contacts_is_told_from_a_contact(shaft, number, dash, prefix):
    name = f"{prefix}{shaft}{number}{dash}{shaft}{number + 1}"
    assert pair_of(name) == (f"{shaft}{number}", f"{shaft}{number + 1}")
    assert contact_of(name) is None


@given(st.text(max_size=20))
def test_any_text_is_a_name(name):
    assert contact_of(name) is None or contact_of(name).number >= 0
    assert plain_name(plain_name(name)) is not None
