"""The request that both FastAPI programs take, with the same rules as ours."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, StringConstraints


class Todo(BaseModel):
    """The body of `POST /todo`."""

    item: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
