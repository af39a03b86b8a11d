#!/bin/sh
set -eu
exec python3 /stand_in_grafana.py
