"""What can be done to images before they are windows: next to nothing, since they have no time."""

from __future__ import annotations

from eegdae.errors import EegdaeError


def check_images(source: str, **options: object) -> None:
    """Refuse what is only done to signals.

    Parameters
    ----------
    source : str
        The recording of images, for the error.
    **options
        What is asked for, by its key; None and False = nothing.

    Raises
    ------
    EegdaeError
        Names the key.
    """
    for key, value in options.items():
        if value is not None and value is not False:
            raise EegdaeError(
                f"data.prepare.{key}={value!r}: is done to signals in time, and {source} holds images; leave "
                "it out (of images, pick, drop and rename choose colours; data.size gives another size)"
            )
