# What is done, deploy/image/build.sh does: a test runs it in an empty root (docs/compose.md).
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements requirements
COPY orbit/launcher/bootstrap.py orbit/launcher/bootstrap.py
COPY deploy/image deploy/image
# Packages for credentials in a cloud's secret store, and for sinks that write to Kafka: EXTRAS="aws azure kafka"
ARG EXTRAS=""
RUN sh deploy/image/build.sh packages
COPY . .
# NAMES=1: the model that finds names and addresses (docs/personal-data.md)
ARG NAMES=""
RUN sh deploy/image/build.sh code

FROM python:3.13-slim
COPY --from=build /app /app
RUN sh /app/deploy/image/build.sh user
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
