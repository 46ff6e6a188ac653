"""Signing in and out: who gets to see what, and what a browser is given."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from dovetail import MessageQueue
from todo.authentication.password_attempts import MOST_FROM_ONE
from todo.settings import Settings

from .support import EventStream, client_of, items, publish, published

PASSWORD = "open sesame & co"
HTML = {"Accept": "text/html,application/xhtml+xml"}
PAGES = ("/", "/list", "/new", "/diagnostics", "/metrics", "/nowhere", "/sign-out")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", password=PASSWORD)


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await client.post("/sign-in", data={"password": password, **more})


@pytest_asyncio.fixture
async def inside(client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client that signed in."""
    assert (await sign_in(client)).status_code == 303
    yield client


@pytest.mark.parametrize("path", PAGES)
async def test_a_browser_is_led_to_signing_in_and_a_program_is_told(
    client: httpx.AsyncClient, path: str
) -> None:
    led = await client.get(path, headers=HTML, params={"before": "1"})
    assert led.status_code == 303
    assert led.headers["location"].startswith("/sign-in?next=%2F")
    told = await client.get(path)
    assert told.status_code == 401
    assert told.headers["www-authenticate"].startswith("Bearer")
    assert "nosniff" in told.headers["x-content-type-options"]


@pytest.mark.parametrize("path", ["/live", "/items"])
async def test_what_an_open_page_fetches_is_refused_and_leads_to_signing_in(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 401


async def test_nothing_is_published_without_signing_in(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/new", data={"item": "milk"}, headers=HTML)
    assert response.status_code == 401
    assert "Nothing was accepted." in response.text
    assert (await client.post("/new", data={"item": "milk"})).status_code == 401
    assert await published(queue) == []


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_whether_it_is_well_everyone_may_ask(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_the_sign_in_page_shows_with_its_style_and_no_way_around_it(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/sign-in")).text
    assert 'type="password"' in page
    assert "<nav" not in page
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        assert (await client.get(address)).status_code == 200


async def test_the_right_password_lets_in_with_a_cookie_for_this_site_only(
    client: httpx.AsyncClient,
) -> None:
    response = await sign_in(client, next="/list?before=x")
    assert response.status_code == 303
    assert response.headers["location"] == "/list?before=x"
    cookie = response.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=1209600"):
        assert flag in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    assert PASSWORD not in cookie
    for path in PAGES[:5]:
        assert (await client.get(path)).status_code == 200
    assert (await client.get("/sign-in")).headers["location"] == "/"


async def test_over_https_the_cookie_is_for_https_only(client: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    response = await client.post("/sign-in", data={"password": PASSWORD}, headers=headers)
    assert "Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    "next_page",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\r\nX: y", ""],
)
async def test_nobody_is_led_elsewhere(client: httpx.AsyncClient, next_page: str) -> None:
    assert (await sign_in(client, next=next_page)).headers["location"] == "/"


@pytest.mark.parametrize("password", ["wrong", PASSWORD + " ", PASSWORD.upper(), "\u00e9\x00"])
async def test_a_wrong_one_does_not(client: httpx.AsyncClient, password: str) -> None:
    response = await sign_in(client, password)
    assert response.status_code == 401
    assert "That is not the password." in response.text
    assert "set-cookie" not in response.headers
    assert password not in response.text


async def test_none_is_asked_for_and_not_counted(client: httpx.AsyncClient) -> None:
    for _ in range(MOST_FROM_ONE + 1):
        response = await sign_in(client, "")
        assert response.status_code == 422


async def test_too_many_wrong_ones_have_to_wait_and_those_inside_do_not(
    inside: httpx.AsyncClient, app: Starlette
) -> None:
    async with client_of(app) as stranger:
        for number in range(MOST_FROM_ONE):
            assert (await sign_in(stranger, f"guess {number}")).status_code == 401
        for password in ("guess", PASSWORD):
            response = await sign_in(stranger, password)
            assert response.status_code == 429
            assert 0 < int(response.headers["retry-after"]) <= 300
            assert "Please try again in 5 minutes" in response.text
        bearer = {"Authorization": f"Bearer {PASSWORD}"}
        assert (await stranger.get("/list", headers=bearer)).status_code == 429
    assert (await inside.get("/list")).status_code == 200


async def test_guessing_at_once_is_counted_one_by_one(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(sign_in(client, f"guess {one}") for one in range(30)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (MOST_FROM_ONE, 30 - MOST_FROM_ONE)


async def test_signing_out_ends_the_session_not_only_the_cookie(
    inside: httpx.AsyncClient,
) -> None:
    (cookie,) = inside.cookies.jar
    response = await inside.post("/sign-out")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    assert not inside.cookies
    kept = {"Cookie": f"{cookie.name}={cookie.value}"}
    assert (await inside.get("/list", headers=kept)).status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/new"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=["origin", "no origin", "cross-site", "another port"],
)
async def test_no_form_of_another_site_is_taken(
    inside: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    data = {"password": PASSWORD, "item": "milk"}
    assert (await inside.post(path, data=data, headers=headers)).status_code == 403
    assert (await inside.get("/list")).status_code == 200


async def test_a_program_sends_the_password_itself(client: httpx.AsyncClient) -> None:
    for scheme in ("Bearer", "bearer", "BEARER "):
        headers = {"Authorization": f"{scheme} {PASSWORD}"}
        assert (await client.get("/metrics", headers=headers)).status_code == 200
    for wrong in ("Bearer x", "Bearer", "", f"Basic {PASSWORD}", PASSWORD):
        response = await client.get("/metrics", headers={"Authorization": wrong})
        assert response.status_code == 401


@pytest.mark.parametrize(
    "cookie", ["todo_session_8080=", "todo_session_8080=a.b.c", "; =;;", "\u00e9"]
)
async def test_a_cookie_that_is_none_is_no_error(client: httpx.AsyncClient, cookie: str) -> None:
    headers = httpx.Headers({"Cookie": cookie}, encoding="utf-8")
    assert (await client.get("/list", headers=headers)).status_code == 401


async def test_what_is_kept_up_to_date_ends_with_the_session(
    inside: httpx.AsyncClient, app: Starlette, queue: MessageQueue
) -> None:
    (cookie,) = inside.cookies.jar
    header = (b"cookie", f"{cookie.name}={cookie.value}".encode())
    async with EventStream(app, headers=[header]) as stream:
        await stream.until("reset")
        await inside.post("/sign-out")
        await publish(queue, *items("what comes next"))
        await stream.ended()
