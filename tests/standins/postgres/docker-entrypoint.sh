#!/bin/sh
set -eu
data=/var/lib/postgresql/data
/postgresql/postgres --single -D "$data" postgres </docker-entrypoint-initdb.d/init.sql >/dev/null
exec /postgresql/postgres -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp
