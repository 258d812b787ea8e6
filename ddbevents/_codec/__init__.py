"""An item model and its image: decoding, encoding, and where a model's fields stand."""

from ._decode import decode, decode_exactly, decode_value, direct_decoder, prepare
from ._encode import encode, encode_value
from ._model import ItemField, check_item_model, discriminators, item_fields
from ._prefix import Prefix

__all__ = [
    "ItemField",
    "Prefix",
    "check_item_model",
    "decode",
    "decode_exactly",
    "decode_value",
    "direct_decoder",
    "discriminators",
    "encode",
    "encode_value",
    "item_fields",
    "prepare",
]
