"""An item model and its image: decoding, encoding, and where a model's fields stand."""

from ._decode import decode, decode_by_reference, decode_value, prepare
from ._encode import encode, encode_value
from ._model import ItemField, check_item_model, discriminators, item_fields

decode_by_law = decode_by_reference  # until _changes.py uses the new name

__all__ = [
    "ItemField",
    "check_item_model",
    "decode",
    "decode_by_law",
    "decode_by_reference",
    "decode_value",
    "discriminators",
    "encode",
    "encode_value",
    "item_fields",
    "prepare",
]
