# HAProxy in front of the regions. Build from the top of the repository:
#   docker build -f infra/docker/gateway.Dockerfile -t overwatch-gateway:1 .
ARG BASE=python:3.11-slim
FROM ${BASE}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf \
 && install -d -m 700 -o 10001 -g 10001 /run/gateway
COPY infra/docker/healthy.py /usr/local/lib/healthy.py
COPY infra/docker/haproxy.cfg /etc/haproxy/haproxy.cfg
USER 10001:10001
EXPOSE 8080 8081 8082 8404
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=3s --timeout=4s --start-period=5s --retries=3 CMD ["python3", "-IS", "/usr/local/lib/healthy.py", "8404", "/healthz"]
CMD ["haproxy", "-db", "-W", "-f", "/etc/haproxy/haproxy.cfg"]
