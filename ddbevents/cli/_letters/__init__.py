"""Dead letters: the sources that hold them, and how an app is run with them."""

from ._open import open_source
from ._redrive import Redrive

__all__ = ["Redrive", "open_source"]
