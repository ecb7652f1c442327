"""A small model as ARPA text, and what a conversion left behind."""

from __future__ import annotations

ARPA = """
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.25
-0.75\t</s>
-1.5\tThe\t-0.5
-2\tend

\\2-grams:
-0.5\t<s> The
-0.125\tThe end

\\end\\
"""


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())
