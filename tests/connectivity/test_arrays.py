import numpy as np
import pytest
import torch

from eegdae.connectivity.arrays import as_tensor
from eegdae.errors import EegdaeError


def test_an_ndarray_is_copied_and_a_tensor_is_not():
    array = np.zeros(3, dtype=np.float32)
    tensor, _ = as_tensor(array, name="x")
    tensor += 1
    assert not array.any()
    assert as_tensor(tensor, name="x")[0] is tensor


def test_results_go_back_to_the_kind_they_came_from():
    assert isinstance(as_tensor(np.zeros(3), name="x")[1](torch.ones(2, requires_grad=True)), np.ndarray)
    result = torch.ones(2)
    assert as_tensor(torch.zeros(3), name="x")[1](result) is result


@pytest.mark.parametrize("x", [np.zeros(2, complex), torch.zeros(2) * 1j, np.array(["a"]), np.array([None])])
def test_what_is_not_real_is_refused_by_name(x):
    with pytest.raises(EegdaeError, match=r"c: values of type .*; allowed: real numbers"):
        as_tensor(x, name="c")
