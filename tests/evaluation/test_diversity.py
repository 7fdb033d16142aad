import numpy as np
import pytest

from eegdae.evaluation.diversity import choose_members, pairwise_q, q_statistic


def answers(n11, n10, n01, n00):
    """Two classifiers with these counts of rows that both, one or none of them gets right."""
    a = np.repeat([True, True, False, False], [n11, n10, n01, n00])
    b = np.repeat([True, False, True, False], [n11, n10, n01, n00])
    return a, b


@pytest.mark.parametrize(
    ("table", "q"),
    [
        ((40, 10, 5, 20), (40 * 20 - 10 * 5) / (40 * 20 + 10 * 5)),
        ((2, 3, 4, 5), (10 - 12) / (10 + 12)),
        ((6, 3, 2, 1), 0.0),  # 6 / 11 = P(a) P(b): independent
        ((9, 0, 4, 3), 1.0),
        ((9, 4, 3, 0), -1.0),
        ((8, 0, 0, 0), 1.0),  # never wrong, never different
        ((0, 3, 0, 5), 0.0),  # 0 / 0, but they differ
    ],
)
def test_q_of_a_table_by_hand(table, q):
    a, b = answers(*table)
    assert q_statistic(a, b) == pytest.approx(q)
    assert q_statistic(b, a) == pytest.approx(q)


def test_pairs_are_judged_on_rows_that_count_for_both():
    a, b = answers(40, 10, 5, 20)
    right = np.stack([np.append(a, [True] * 9), np.append(b, [False] * 9)])
    counted = np.ones_like(right)
    counted[0, -9:-4] = counted[1, -4:] = False
    q = pairwise_q(right, counted)
    np.testing.assert_allclose(q, [[1, 750 / 850], [750 / 850, 1]])
    assert pairwise_q(right, np.ones_like(right))[0, 1] < 750 / 850


Q = np.array([[1.0, 0.9, 0.2, -0.9], [0.9, 1.0, 0.8, -0.9], [0.2, 0.8, 1.0, -0.9], [-0.9, -0.9, -0.9, 1.0]])


def test_the_most_accurate_first_then_the_least_alike():
    accuracy = np.array([0.7, 0.9, 0.6, 0.8])
    assert choose_members(Q, accuracy, n_members=1, chance=0.5) == [1]
    # 3 differs most; then 0 and 2: mean Q with (1, 3) is 0 and -0.05
    assert choose_members(Q, accuracy, n_members=3, chance=0.5) == [1, 3, 2]
    assert choose_members(Q, accuracy, n_members=9, chance=0.5) == [1, 3, 2, 0]


def test_nobody_below_chance_and_of_equals_the_more_accurate():
    assert choose_members(Q, np.array([0.7, 0.9, 0.6, 0.1]), n_members=4, chance=0.5) == [1, 2, 0]
    same = np.ones((3, 3))
    assert choose_members(same, np.array([0.9, 0.6, 0.7]), n_members=2, chance=0.5) == [0, 2]
    assert choose_members(same, np.array([0.1, 0.3, 0.2]), n_members=2, chance=0.5) == [1]
