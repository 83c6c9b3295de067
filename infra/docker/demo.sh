#!/bin/sh
# Starts one replica. Its name is the container's; the token of its chaos endpoints comes from a file, never from an image.
set -eu
export MINI_APP_REPLICA="${MINI_APP_REPLICA:-${HOSTNAME:-$(cat /etc/hostname)}}"
if [ -r "${MINI_APP_ADMIN_TOKEN_FILE:-/nowhere}" ]; then
    MINI_APP_ADMIN_TOKEN=$(cat "$MINI_APP_ADMIN_TOKEN_FILE")
    export MINI_APP_ADMIN_TOKEN
fi
unset MINI_APP_ADMIN_TOKEN_FILE
exec python -m mini_app.backend --host 0.0.0.0 --port 8000
