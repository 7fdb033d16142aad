from __future__ import annotations

import pytest

from eegdae.inspection.findings import Finding, Sign, collate, in_order, short_names, some_of


def test_the_worst_first_and_otherwise_as_they_came():
    found = [Finding(s, what, "", "") for what, s in enumerate(("note", "error", "warning", "error"))]
    assert [f.what for f in in_order(found)] == [1, 3, 2, 0]


def test_signs_of_one_kind_become_one_finding_that_quotes_the_worst():
    signs = [
        [Sign("hum", 1.0, "one", ("a",))],
        [],
        [Sign("hum", 3.0, "three", ("b", "a")), Sign("x", 9, "x")],
    ]
    kinds = {"hum": ("warning", "filter"), "never": ("error", "")}
    (finding,) = collate(signs, ["r0", "r1", "r2"], kinds)
    assert finding == Finding(
        "warning", "three (worst: r2)", "2 of 3 recordings: r0, r2; channels a, b", "filter"
    )


@pytest.mark.parametrize(
    ("names", "of", "said"),
    [
        (["a", "b"], None, "a, b"),
        (list("abcde"), None, "a, b, c and 2 more"),
        (list("abcde"), 9, "5 of 9 recordings: a, b, c and 2 more"),
        (["a", "b"], 2, "all 2 recordings"),
        (["a"], 1, "a"),
    ],
)
def test_some_of_many(names, of, said):
    assert some_of(names, of=of) == said


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["/d/s1/a.edf", "/d/s2/a.edf"], ["s1/a.edf", "s2/a.edf"]),
        (["/d/a.npz [0]", "/d/a.npz [1]"], ["a.npz [0]", "a.npz [1]"]),
        (["/d/a.edf"], ["a.edf"]),
        (["array"], ["array"]),
        (["/d/a", "b/a"], ["/d/a", "b/a"]),
        ([], []),
    ],
)
def test_names_without_the_folder_they_share(sources, names):
    assert short_names(sources) == names
