"""What each library can and cannot keep of our promises. `python -m benchmarks.clients.promises` shows it."""

NATS = """\
nats-py 2.16.0
- Can: connect again under our own control (allow_reconnect=False closes it with the connection; then all
  subscriptions are made anew), and drop nothing (pending_msgs_limit=0, pending_bytes_limit=0). Where it has
  a limit, error_cb is told of each message dropped, and without one the log.
- Cannot: tell who waits for a confirmation that the connection is lost. publish waits until its time limit,
  the future of publish_async for ever; neither can be repeated under its id before that. Ours is told at
  once, and repeats it: test_cut_again_and_again of tests/faults/cut_off.py."""

REDIS = """\
redis-py 8.1.0, coredis 6.9.0
- Can: both end a command with an error at once when the connection is lost, and leave its repetition to us
  once their own is switched off. That is on by default (not in redis-py's from_url): an XADD whose answer
  was lost is then carried out twice.
- Cannot: redis-py lets no two tasks use a connection at the same time: 100 commands of as many tasks take
  100 connections (coredis some 15 to 20, ours 1). No promise depends on that, as long as what tasks
  publish is joined before it comes to the client, as our transport does."""

RABBITMQ = """\
aiormq 7.2.4
- Can: everything that a connection lost asks for. It never connects again by itself, and whoever waits for a
  confirm is told at once; a message that no queue takes raises an error.
- Cannot: say why the server takes no messages. Publishers wait without a word while an alarm is on, and its
  reason is only logged. Ours raises QueueFull with the reason: test_server_without_room of
  tests/faults/test_rabbit_refused.py."""
