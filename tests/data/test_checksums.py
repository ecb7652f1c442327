import re

import pytest

from neurolect.data.checksums import checksum_fault
from neurolect.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"what is up, doc?")
    return path


@pytest.mark.parametrize("algorithm", ["md5", "sha-1", "sha-256", "git-blob"])
def test_a_wrong_checksum_is_told_with_the_one_that_was_found(file, algorithm):
    fault = checksum_fault(file, f"{algorithm}:00")
    assert re.fullmatch(rf"has the {algorithm} checksum [0-9a-f]+ instead of 00", fault)


@pytest.mark.parametrize("change", [str, str.upper])
def test_the_name_that_git_gives_to_a_content_is_a_checksum(file, change):
    # The example of the book "Pro Git", section 10.2.
    assert checksum_fault(file, "git-blob:" + change("bd9dbf5aae1a3862dd1526723246b20206e5fc37")) is None


def test_an_unknown_algorithm_is_refused(file):
    with pytest.raises(ConfigError, match=r"^'crc-32:00' is not a checksum of the form"):
        checksum_fault(file, "crc-32:00")
