# Starts NATS with the password from its file, in the quotes that nats.conf needs. Its routes are addresses
# with the password in it, so it may have only what needs no escape there.
set -eu
file=/run/secrets/todo_queue_password
password=$(cat "$file")
case $password in
'' | *[!A-Za-z0-9_-]*)
    echo "$file: the queue's password must be letters, digits, - and _, and not empty" >&2
    exit 1
    ;;
esac
export QUEUE_PASSWORD="'$password'"
number=0
for host in $ROUTE_HOSTS; do
    export "ROUTE_$number='nats://route:$password@$host'"
    number=$((number + 1))
done
exec nats-server --config /etc/nats/nats.conf
