"""CRUD of users: the part of the app that users use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mini_app.backend.database import users

LARGEST = 2**63 - 1
"""The largest number that SQLite can hold."""


class UserIn(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    email: Annotated[str, StringConstraints(to_lower=True)] = Field(
        max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s.\x00-\x1f\x7f]+$"
    )


class User(BaseModel):
    """What the app answers; not checked again, so that no row of an earlier version can break the list."""

    id: int
    name: str
    email: str
    created_at: str


class Page(BaseModel):
    """One page of users, in the order of their ids; `total` counts all."""

    items: list[User]
    total: int
    limit: int
    offset: int


def possible(id_: int) -> int:
    """An id that the database can hold; there is no other user."""
    if not 0 < id_ <= LARGEST:
        raise _missing(id_)
    return id_


Id = Annotated[int, Depends(possible)]


def router(engine: Engine, now: Callable[[], datetime]) -> APIRouter:
    """The routes, over one engine."""
    api = APIRouter(prefix="/api/users")

    @api.get("")
    def list_users(limit: Annotated[int, Query(ge=1, le=100)] = 20, offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0) -> Page:
        with engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(users)).scalar_one()
            rows = connection.execute(select(users).order_by(users.c.id).limit(limit).offset(offset)).all()
        return Page(items=[_user(row) for row in rows], total=total, limit=limit, offset=offset)

    @api.post("", status_code=201)
    def create_user(user: UserIn, response: Response) -> User:
        values = {**user.model_dump(), "created_at": now().isoformat()}
        try:
            with engine.begin() as connection:
                key = connection.execute(insert(users).values(values)).inserted_primary_key
        except IntegrityError:
            raise _duplicate(user) from None
        made = User(id=key[0] if key else 0, **values)
        response.headers["location"] = f"/api/users/{made.id}"
        return made

    @api.get("/{id_}")
    def get_user(id_: Id) -> User:
        with engine.connect() as connection:
            row = connection.execute(select(users).where(users.c.id == id_)).first()
        if row is None:
            raise _missing(id_)
        return _user(row)

    @api.put("/{id_}")
    def put_user(id_: Id, user: UserIn) -> User:
        try:
            with engine.begin() as connection:
                changed = connection.execute(update(users).where(users.c.id == id_).values(user.model_dump())).rowcount
        except IntegrityError:
            raise _duplicate(user) from None
        if not changed:
            raise _missing(id_)
        return get_user(id_)

    @api.delete("/{id_}", status_code=204)
    def delete_user(id_: Id) -> None:
        with engine.begin() as connection:
            if not connection.execute(delete(users).where(users.c.id == id_)).rowcount:
                raise _missing(id_)

    return api


def _user(row: Row[Any]) -> User:
    return User.model_validate(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's public name for it


def _missing(id_: int) -> HTTPException:
    return HTTPException(404, f"there is no user {id_}")


def _duplicate(user: UserIn) -> HTTPException:
    return HTTPException(409, f"a user with the e-mail {user.email!r} exists already: use another")
