#!/bin/sh
# Runs before each start of the agent; images built on this one replace it.
set -eu
echo "nothing to do before the stand-in starts"
