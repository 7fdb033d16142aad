"""The scikit-learn face of the package: thin classes that validate and call the parts below."""

from __future__ import annotations

from eegdae.estimators.autoencoder import StackedDenoisingAutoencoder
from eegdae.estimators.connectivity import Connectivity

__all__ = ["Connectivity", "StackedDenoisingAutoencoder"]
