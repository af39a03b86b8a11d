#!/bin/sh
exec python3 /stand_in_grafana.py
