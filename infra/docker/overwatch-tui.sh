#!/bin/sh
# overwatch-tui in its container. The demo's chaos token comes from a file, never from an image or from the configuration.
set -eu
if [ -r /run/chaos/token ]; then
    OVERWATCH_TARGETS__SHOP__CHAOS__TOKEN=$(cat /run/chaos/token)
    export OVERWATCH_TARGETS__SHOP__CHAOS__TOKEN
fi
exec /opt/overwatch/bin/overwatch-tui "$@"
