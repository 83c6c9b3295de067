# Overwatch itself: the swarm, the control room and the MCP server. Build from the top of the repository:
#   docker build -f infra/docker/overwatch.Dockerfile -t overwatch:1 .
ARG BASE=python:3.11-slim
FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY infra/docker/overwatch.txt infra/docker/build.txt /tmp/
RUN python3 -m venv /opt/overwatch \
 && /opt/overwatch/bin/pip install --quiet --require-hashes -r /tmp/overwatch.txt \
 && /opt/overwatch/bin/pip install --quiet --require-hashes -r /tmp/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY agents /src/agents
COPY overwatch_tui /src/overwatch_tui
COPY mini_app /src/mini_app
COPY mcp /src/mcp
RUN /opt/overwatch/bin/pip install --quiet --no-deps --no-index --no-build-isolation /src \
 && /opt/overwatch/bin/pip uninstall --quiet --yes setuptools pip

FROM ${BASE}
RUN echo 'overwatch:x:10001:10001::/var/lib/overwatch:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'overwatch:x:10001:' >> /etc/group \
 && install -d -m 700 -o 10001 -g 10001 /var/lib/overwatch /var/lib/overwatch-mcp /run/overwatch /run/chaos \
 && install -d -m 755 -o 10001 -g 10001 /run/database
COPY --from=packages /opt/overwatch /opt/overwatch
COPY infra/docker/healthy.py /usr/local/lib/healthy.py
COPY infra/docker/keys.py /usr/local/lib/keys.py
COPY infra/docker/overwatch-tui.sh /opt/bin/overwatch-tui
ENV PATH=/opt/bin:/opt/overwatch/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LANG=C.UTF-8 \
    HOME=/var/lib/overwatch OVERWATCH_HOME=/var/lib/overwatch
WORKDIR /var/lib/overwatch
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["overwatch-tui", "run"]
