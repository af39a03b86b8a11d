#!/bin/sh
# Runs each time before the agent starts; images built on this one put their own in its place.
set -eu
echo "nothing to do before the stand-in starts"
