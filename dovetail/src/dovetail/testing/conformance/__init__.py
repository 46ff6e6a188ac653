"""The suite that every transport must pass.

A transport's test file is its features, the addresses of its queue, and the inherited suite:

    class TestRedis(TransportConformance):
        features = Features(deduplicates=False)

        @pytest.fixture
        def address(self, redis_server): return redis_server.url

        @pytest.fixture
        def own_address(self, new_redis_server): ...

        @pytest.fixture
        def own_server(self, fragile_redis_server): return fragile_redis_server
"""

from __future__ import annotations

from dovetail.testing.conformance.batching import Batching
from dovetail.testing.conformance.calling import Calling
from dovetail.testing.conformance.commanding import Commanding
from dovetail.testing.conformance.contents import Contents
from dovetail.testing.conformance.dead_letters import DeadLetters
from dovetail.testing.conformance.draining import Draining
from dovetail.testing.conformance.features import Features
from dovetail.testing.conformance.gathering import Gathering
from dovetail.testing.conformance.giving_up import GivingUp
from dovetail.testing.conformance.groups import ManagedGroups
from dovetail.testing.conformance.inspection import Inspection
from dovetail.testing.conformance.killing import Killing
from dovetail.testing.conformance.leases import Leases
from dovetail.testing.conformance.leftovers import Leftovers
from dovetail.testing.conformance.limits import Limits
from dovetail.testing.conformance.listening import Listening
from dovetail.testing.conformance.many_letters import ManyLetters
from dovetail.testing.conformance.mistakes import Mistakes
from dovetail.testing.conformance.observing import Observing
from dovetail.testing.conformance.opening import Opening
from dovetail.testing.conformance.outages import Outages
from dovetail.testing.conformance.outgoing import OutgoingMessages
from dovetail.testing.conformance.pausing import Pausing
from dovetail.testing.conformance.pinging import Pinging
from dovetail.testing.conformance.publishing import Publishing
from dovetail.testing.conformance.requests import Requests
from dovetail.testing.conformance.restarting import Restarting
from dovetail.testing.conformance.retrying import Retrying
from dovetail.testing.conformance.routing import Routing
from dovetail.testing.conformance.settling import Settling
from dovetail.testing.conformance.sharing import Sharing

__all__ = ["Features", "TransportConformance"]


class TransportConformance(
    Opening,
    Publishing,
    Routing,
    Sharing,
    Settling,
    Retrying,
    GivingUp,
    Mistakes,
    DeadLetters,
    ManyLetters,
    Pausing,
    Leases,
    Batching,
    Calling,
    OutgoingMessages,
    Commanding,
    Requests,
    Gathering,
    Listening,
    Contents,
    Limits,
    Pinging,
    Observing,
    Draining,
    Leftovers,
    Inspection,
    ManagedGroups,
    Killing,
    Restarting,
    Outages,
):
    """Everything that is promised of every transport, theme by theme.

    A transport's test class inherits it, sets `features`, and adds these fixtures:

    - `address`: the address of a queue that all tests share. They use subjects and groups of their own.
    - `own_address`: that of an empty queue which only this test uses, and whose history is trimmed ten
      times a second. A database, account or virtual host of its own on a shared server will do.
    - `own_server`: a `dovetail.testing.servers.Server`, started, which tests kill, freeze, and start
      again on its store. One for all tests of the module will do, but not the one of `address`. Not
      needed with `Features(server=False)`: these tests are then reported as unsupported.

    Where `Features(processes=True)` holds, worker processes connect to `address` as well, with nothing
    but the environment of the test.
    """
