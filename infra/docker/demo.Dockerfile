# One replica of the demo app. Build from the top of the repository:
#   docker build -f infra/docker/demo.Dockerfile -t mini-app:1 .
ARG BASE=python:3.11-slim
FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY infra/docker/demo.txt /tmp/demo.txt
RUN python3 -m venv /opt/app \
 && /opt/app/bin/pip install --quiet --require-hashes -r /tmp/demo.txt \
 && /opt/app/bin/pip uninstall --quiet --yes setuptools pip

FROM ${BASE}
ARG VERSION=1
RUN install -d -o 10001 -g 10001 /data /chaos
COPY --from=packages /opt/app /opt/app
COPY infra/docker/healthy.py /usr/local/lib/healthy.py
COPY infra/docker/demo.sh /usr/local/bin/demo
COPY mini_app/__init__.py /srv/mini_app/__init__.py
COPY mini_app/backend /srv/mini_app/backend
COPY mini_app/frontend /srv/mini_app/frontend
RUN python3 -m compileall -q /srv
ENV PATH=/opt/app/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/srv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MINI_APP_VERSION=${VERSION}
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=4s --start-period=30s --retries=3 CMD ["python", "-IS", "/usr/local/lib/healthy.py", "8000", "/health"]
CMD ["sh", "/usr/local/bin/demo"]
