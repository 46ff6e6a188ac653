"""The webhook-handler: sends events to other systems."""

from __future__ import annotations

import logging
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote

from dovetail import Backoff, Group, NotReady, Received, Reject, Retry
from todo.settings_reader import SettingsInvalid
from todo.webhooks.cloud_event import CONTENT_TYPE, signature, structured
from todo.webhooks.post import Answer, Limits, NoHttp, Unreachable, post
from todo.webhooks.public import PrivateAddress
from todo.webhooks.settings import PRIVATE, TARGETS, Target, WebhookHandlerSettings, refused

log = logging.getLogger("todo.webhook-handler")

#: Requests to one target at once.
CONCURRENCY = 4
#: The longest pause between two attempts.
MOST_PAUSE_SECONDS = 3600.0
#: The answers that say that this event will never be taken.
_NEVER = frozenset((400, 410, 413, 415, 422))
_DIGITS = re.compile("[0-9]{1,9}")


def usable(settings: WebhookHandlerSettings) -> WebhookHandlerSettings:
    """The settings, where there is something to do that is allowed; else SettingsInvalid."""
    if not settings.targets:
        raise SettingsInvalid([f"{TARGETS}: nothing is set; it says where events are to be sent"])
    if not settings.private_addresses and (lines := refused(settings.targets)):
        raise SettingsInvalid(lines)
    return settings


def webhook_handlers(
    settings: WebhookHandlerSettings, trusted: ssl.SSLContext | None = None
) -> list[Group]:
    """A group for each target, so that none waits for another, with attempts and dead letters of its own.

    `trusted` are the authorities whose certificates count; the system's where nothing is said.
    """
    return [_handler(target, settings, trusted) for target in settings.targets]


def _handler(
    target: Target, settings: WebhookHandlerSettings, trusted: ssl.SSLContext | None
) -> Group:
    group = Group(
        target.group,
        retry=Backoff(first=1.0, most=MOST_PAUSE_SECONDS, tries=settings.tries),
        start=target.start,
        concurrency=CONCURRENCY,
    )
    limits = Limits(settings.timeout, settings.private_addresses)
    tls = trusted or ssl.create_default_context()

    async def send(event: Received) -> None:
        body = structured(event)
        if body is None:
            raise Reject("it is no CloudEvent, so it cannot be sent as one")
        try:
            answer = await post(target.url, body, _headers(target, event, body), limits, tls)
        except PrivateAddress as error:
            raise NotReady(f"{error}; where that is meant, set {PRIVATE}=true") from error
        except Unreachable as error:
            raise NotReady(f"{target.shown} cannot be reached: {error}") from error
        except NoHttp as error:
            raise Retry(f"{target.shown}: {error}") from error
        except TimeoutError as error:
            raise Retry(f"{target.shown} took longer than {limits.seconds:g} s") from error
        _judge(target, answer)
        log.info("sent %s to %s", event.id, target.shown)

    for subject in target.subjects:
        group.on(subject)(send)
    return group


def _headers(target: Target, event: Received, body: bytes) -> dict[str, str]:
    headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "dovetail-todo", "Accept": "*/*"}
    if target.authorization:
        headers["Authorization"] = target.authorization
    if target.key:
        # An id of somebody else's may hold what a header cannot, and the dot that ends it in what is signed.
        sent_id = quote(event.id or "", safe=":/+").replace(".", "%2E")
        headers |= signature(target.key, sent_id, body)
    return headers


def _judge(target: Target, answer: Answer) -> None:
    """Return where the event was taken; else Reject or Retry."""
    status = answer.status
    if 200 <= status < 300:
        return
    said = f"{target.shown} answered {status}{_phrase(status)}"
    if status in _NEVER:
        raise Reject(said)
    if 300 <= status < 400:
        raise Retry(f"{said}: redirects are not followed, so give the address that it leads to")
    raise Retry(said, after=retry_after(answer.retry_after) if status in (429, 503) else None)


def _phrase(status: int) -> str:
    return f" {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else ""


def retry_after(text: str) -> float | None:
    """Seconds that the receiver asks for, as a number or a date; None where it does not."""
    if _DIGITS.fullmatch(text):
        return min(float(text), MOST_PAUSE_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        until = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(until, 0.0), MOST_PAUSE_SECONDS)
