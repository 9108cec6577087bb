"""A machine without other work, for the commands of this package."""

import pytest

from indrnn_np.bench import load


@pytest.fixture(autouse=True)
def idle(monkeypatch, request):
    """Commands warn on stderr about a busy machine, which depends on what else runs beside the tests."""
    if request.path.name != "test_load.py":
        monkeypatch.setattr(load, "share_of_cores", lambda: (1.0, 2))
