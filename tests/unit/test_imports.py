"""The garbage collector stays out of imports, and only of these."""

import gc

import pytest

from emopress.imports import uncollected


def test_the_collector_is_off_inside_and_on_again_after():
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_is_on_again_after_an_import_that_fails():
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
