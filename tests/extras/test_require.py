"""The guard of optional dependencies."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from session_lab.errors import MissingDependencyError
from session_lab.extras import require

if TYPE_CHECKING:
    from pathlib import Path


def test_an_installed_module_is_imported():
    assert require("json", extra="server", feature="serving") is json


def test_a_missing_module_is_named_with_the_extra_that_carries_it():
    with pytest.raises(MissingDependencyError) as caught:
        require("no_such_package.part", extra="server", feature="session-lab serve")
    assert str(caught.value) == (
        'session-lab serve needs no_such_package; install it with: pip install "session-lab[server]"'
    )
    assert caught.value.name == "no_such_package"


def test_a_module_that_fails_for_another_reason_says_so_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "breaks_on_import.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("breaks_on_import", extra="server", feature="serving")
    assert caught.value.name == "no_such_package"
    assert not isinstance(caught.value, MissingDependencyError)
    sys.modules.pop("breaks_on_import", None)
