import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eegdae.errors import EegdaeError

from .web import Site

CONF = Path(__file__).parents[2] / "conf" / "data"


@pytest.fixture
def eegmat() -> Path:
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "")) / "eegmat"
    if "EEGDAE_DATA_DIR" not in os.environ or not folder.is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    return folder


@pytest.fixture
def ssvep() -> Path:
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "")) / "ssvep-exo"
    if "EEGDAE_DATA_DIR" not in os.environ or not folder.is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no ssvep-exo")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder: nothing that an earlier test or the user fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "eegdae"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty folder served over loopback."""
    served = Site(tmp_path / "site")
    yield served
    served.close()


@pytest.fixture
def data_config() -> Callable[..., dict[str, Any]]:
    """The packaged data configuration NAME, its ${paths.data_dir} filled in."""

    def read(name: str, *, data_dir: Path | str = "nowhere", **changes: Any) -> dict[str, Any]:
        text = (CONF / f"{name}.yaml").read_text().replace("${paths.data_dir}", str(data_dir))
        config: dict[str, Any] = yaml.safe_load(text)
        return config | changes

    return read


@pytest.fixture
def one_line() -> Callable[..., str]:
    """Run something that must end in an EegdaeError of one line; give the line."""

    def run(function: Callable[..., object], *args: Any, **kwargs: Any) -> str:
        with pytest.raises(EegdaeError) as caught:
            function(*args, **kwargs)
        message = str(caught.value)
        assert message
        assert "\n" not in message
        return message

    return run
