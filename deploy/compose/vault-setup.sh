#!/bin/sh
# Prepares an OpenBao for the gateway: a policy that reads below the prefix and nothing else, a token of it that can
# be renewed for ever, and a secret to try it with. BAO_ADDR and BAO_TOKEN say where, and as whom; ORBIT_VAULT_TOKEN is
# the token to make. May be run again.
set -eu

if [ -z "${ORBIT_VAULT_TOKEN:-}" ]; then
    echo "ORBIT_VAULT_TOKEN is not set: choose the token that the gateway shall read with (docs/compose.md)." >&2
    exit 2
fi

echo 'path "secret/data/orbit/*" { capabilities = ["read"] }' | bao policy write orbit -

if ! BAO_TOKEN="$ORBIT_VAULT_TOKEN" bao token lookup >/dev/null 2>&1; then
    bao token create -id="$ORBIT_VAULT_TOKEN" -policy=orbit -period=24h >/dev/null
fi

if ! bao kv get -mount=secret orbit/demo/openai >/dev/null 2>&1; then
    bao kv put -mount=secret orbit/demo/openai api_key=replace-me >/dev/null
fi
echo "The gateway can read vault://secret/orbit/demo/openai#api_key."
