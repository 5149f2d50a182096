"""The examples in core's docstrings hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from tajo import core

MODULES = sorted(module.name for module in pkgutil.iter_modules(core.__path__, "tajo.core."))


def test_core_has_modules() -> None:
    assert "tajo.core.roster" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
