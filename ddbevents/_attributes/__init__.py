"""DynamoDB's typed JSON and the Python values that it stands for."""

from ._decode import (
    GLOBAL_TABLES,
    MAX_DEPTH,
    MOST_DIGITS,
    AttributeValue,
    Image,
    Value,
    canonical,
    check_depth,
    decode_attribute,
    decode_binary,
    decode_map,
    decode_number,
    exact_decimal,
    split_tag,
)
from ._encode import Convert, encode_attribute, encode_map

__all__ = [
    "GLOBAL_TABLES",
    "MAX_DEPTH",
    "MOST_DIGITS",
    "AttributeValue",
    "Convert",
    "Image",
    "Value",
    "canonical",
    "check_depth",
    "decode_attribute",
    "decode_binary",
    "decode_map",
    "decode_number",
    "encode_attribute",
    "encode_map",
    "exact_decimal",
    "split_tag",
]
