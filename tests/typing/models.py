"""The item models that the other files speak of: one of each sort, and one that is always wrong."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict


class User(BaseModel):
    user_id: str = Field(alias="userId")
    email: str


class Administrator(User):
    rights: set[str]


class UserBeforeMigration(BaseModel):
    user_id: str = Field(alias="userId")
    mail: str


class UserKey(BaseModel):
    user_id: str = Field(alias="userId")


class Order(BaseModel):
    """Not a user: stands wherever the model of a handler is wrong."""

    order_id: str


@pydantic_dataclass
class Invoice:
    number: int


@dataclass
class Address:
    city: str


class Session(TypedDict):
    token: str
