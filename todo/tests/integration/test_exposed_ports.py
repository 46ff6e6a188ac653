"""Page and API as other machines would meet them: a password, names, and what strangers send."""

from __future__ import annotations

import httpx

from .conftest import Todo
from .support import RUNS

PASSWORD = "open sesame"
BEARER = {"Authorization": f"Bearer {PASSWORD}"}


async def test_it_is_open_to_those_with_the_password_and_by_its_names(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command(
        "up",
        WEB_HOST="0.0.0.0",
        API_HOST="0.0.0.0",
        PASSWORD=PASSWORD,
        ALLOWED_HOSTS="todo.example.org",
    )
    await up.said(RUNS)
    web, api = (f"http://127.0.0.1:{settings[name]}" for name in ("WEB_PORT", "API_PORT"))
    stranger = {"Host": "evil.example"}
    async with httpx.AsyncClient() as client:
        for path in (f"{api}/todo", f"{web}/list", f"{web}/live", f"{web}/metrics"):
            assert (await client.get(path)).status_code == 401
        for address in (f"{api}/todo", f"{web}/list", f"{web}/health"):
            refused = await client.get(address, headers=BEARER | stranger)
            assert refused.status_code == 421
            assert "TODO_ALLOWED_HOSTS" in refused.text
        named = {"Host": "todo.example.org:443"}
        assert (await client.get(f"{api}/todo", headers=BEARER | named)).status_code == 200
        entered = await client.post(f"{web}/sign-in", data={"password": PASSWORD})
        assert entered.status_code == 303
        assert (await client.get(f"{web}/list")).status_code == 200
    assert PASSWORD not in up.text
