"""Where trials are kept: a storage of Optuna, and what goes wrong with it, in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import sqlalchemy

from eegdae.errors import EegdaeError

LOCKED_SECONDS = 10.0
"""How long a storage file may be locked by another program."""


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Open a storage, or make one.

    Parameters
    ----------
    url : str
        Of SQLAlchemy.
    """
    wait = {"connect_args": {"timeout": LOCKED_SECONDS}} if url.startswith("sqlite") else {}
    return optuna.storages.RDBStorage(url, engine_kwargs=wait)


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Make one line of what a storage says, and keep what Optuna warns of to itself.

    Parameters
    ----------
    url : str
        Of the storage.

    Raises
    ------
    EegdaeError
        Names the storage; a password in its URL is not shown.
    """
    where = f"search.storage={shown(url)}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"optuna\..*|eegdae\.tasks\.search\..*")
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    except (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        RuntimeError,
    ) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.OptunaError) else error
        said = " ".join(str(getattr(cause, "orig", None) or cause or error).split())
        if "is locked" in said:
            said = f"locked by another program for more than {LOCKED_SECONDS:g} s; end it, or use another"
        elif "not a database" in said or "malformed" in said:
            said = "is damaged, or no file of SQLite; move it away, or use another file"
        elif "no such column" in said or "has no column" in said:
            said = "is a database, but not of Optuna; use another file"
        raise EegdaeError(f"{where}: {said[:300]}") from error
    except ImportError as error:
        raise EegdaeError(
            f"{where}: the driver of this kind of storage is missing: {' '.join(str(error).split())[:200]}"
        ) from error


def shown(url: str) -> str:
    """Return a URL without its password."""
    try:
        return sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url
