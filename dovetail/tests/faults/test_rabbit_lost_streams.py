"""RabbitMQ before 3.11.3, killed while it starts a stream, never serves it again: clients say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dovetail import MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq import limits, lost_streams
from dovetail.transports.rabbitmq.topology import HISTORY
from dovetail.transports.rabbitmq.transport import RabbitTransport

pytestmark = pytest.mark.faults

COUNT = 20
#: Nobody can write down which queues are served, and the stream's writer dies: its coordinator begins to
#: enter it again. That it has begun is made to outlive what comes, as it does when its log is next tidied up.
_CAUGHT = f"""
spawn(fun() -> mnesia:transaction(fun() -> mnesia:write_lock_table(rabbit_queue),
    register(holds_the_lock, self()), receive never -> ok end end) end),
Wait = fun Wait(Done) -> case Done() of true -> ok; false -> timer:sleep(20), Wait(Done) end end,
Wait(fun() -> whereis(holds_the_lock) =/= undefined end),
{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{HISTORY}">>)),
exit(amqqueue:get_pid(Q), kill),
Look = fun(F) ->
    {{ok, {{{{I, _}}, R}}, _}} = ra:local_query({{rabbit_stream_coordinator, node()}}, F), {{I, R}} end,
Wait(fun() -> {{_, R}} = Look(fun(S) ->
    [one || X <- maps:values(element(2, S)), element(1, element(10, X)) =:= updating] end), R =/= [] end),
{{Index, _}} = Look(fun(_) -> ok end),
ra_log_meta:store_sync(ra_coordination_log_meta,
    ra_directory:uid_of(coordination, rabbit_stream_coordinator), last_applied, Index).
"""


@pytest.mark.slow  # the server starts three times
async def test_a_stream_that_stays_down_is_brought_back_by_what_the_client_says(
    new_rabbit_server: Callable[..., Awaitable[RabbitServer]],
) -> None:
    server = await new_rabbit_server()
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url, timeout=2) as queue:
        _needs_older_than_3_11_3(queue)
        async with Worker(queue, [recording(event, seen)]):
            for number in range(COUNT):
                await queue.publish(event(number))
            await seen.has(COUNT)
            await server.control("eval", _CAUGHT)
            await server.kill()
            await server.start()
            await server.restart()  # which mends nothing
            await asyncio.gather(
                _a_new_client_is_told(server), _a_publisher_is_told(queue, event(COUNT))
            )

            await server.control("eval", lost_streams.EXPRESSION)
            await until(lambda: _accepted(queue, event(COUNT)), "it is accepted again")
            await seen.has(COUNT + 1)
        kept = Seen[Numbered]()
        async with Worker(queue, [recording(event, kept)]):
            await kept.has(COUNT + 1)  # the history has all of it
        assert {one.number for one in kept.items} == set(range(COUNT + 1))


def _needs_older_than_3_11_3(queue: MessageQueue) -> None:
    assert isinstance(queue.transport, RabbitTransport)
    version = queue.transport._client.version
    if not lost_streams.advice("is down or inaccessible", version):
        pytest.skip(f"RabbitMQ {version} enters its streams again")


async def _a_new_client_is_told(server: RabbitServer) -> None:
    with pytest.raises(QueueUnavailable) as refused:
        async with connect(server.url, patience=limits.STREAM_DOWN_SECONDS + 2):
            raise AssertionError("the stream is served")
    assert lost_streams.EXPRESSION in str(refused.value)


async def _a_publisher_is_told(queue: MessageQueue, event: Numbered) -> None:
    async def told() -> bool:
        with pytest.raises(QueueUnavailable) as refused:
            await queue.publish(event, id="after")
        return lost_streams.EXPRESSION in str(refused.value)

    await until(told, "it is said what to do")


async def _accepted(queue: MessageQueue, event: Numbered) -> bool:
    try:
        await queue.publish(event, id="after")
    except QueueUnavailable:
        return False
    return True


def test_other_servers_and_other_words_have_nothing_to_do_with_it() -> None:
    down = "home node 'rabbit@a' of durable queue 'dovetail.history' in vhost '/' is down or inaccessible"
    assert lost_streams.EXPRESSION in lost_streams.advice(down, "3.10.8")
    assert lost_streams.EXPRESSION in lost_streams.advice(down, "3.11.2")
    for version in ("3.11.3", "3.12.0", "4.1.0", ""):
        assert not lost_streams.advice(down, version)
    assert not lost_streams.advice("no queue 'dovetail.history' in vhost '/'", "3.10.8")
