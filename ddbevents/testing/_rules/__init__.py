"""Rules that every store must keep, each as a function that raises AssertionError if a store breaks it."""

from ._expiry import EXPIRY_RULES, ExpiryRule, MakeStore
from ._items import TableUnderTest
from ._marks import STORE_RULES, StoreRule
from ._packing import PACKING_RULES, PackingRule
from ._transactions import TRANSACTION_RULES, TransactionRule

__all__ = [
    "EXPIRY_RULES",
    "PACKING_RULES",
    "STORE_RULES",
    "TRANSACTION_RULES",
    "ExpiryRule",
    "MakeStore",
    "PackingRule",
    "StoreRule",
    "TableUnderTest",
    "TransactionRule",
]
