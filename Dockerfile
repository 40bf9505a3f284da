# sfsync for the batch: `docker build -t sfsync:0.1.0 .`, then `docker run sfsync:0.1.0 --help`. docs/scale.md has the rest.
#
# The base is pinned by its digest, the packages by theirs in requirements.txt. To take a newer base:
#   docker buildx imagetools inspect python:3.13-slim-trixie --format '{{.Manifest.Digest}}'
# The digest below is the one that several public builds of September 2026 name for this tag; it was not pulled where
# this file was written, and neither was the image built there: a digest that is none ends the build at its first line.

FROM python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /opt/sfsync \
 && /opt/sfsync/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY src src
RUN /opt/sfsync/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/sfsync/bin/pip uninstall --yes hatchling editables pip \
 && /usr/local/bin/python -m compileall -q /opt/sfsync/lib

FROM python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
COPY --from=build /opt/sfsync /opt/sfsync
RUN groupadd --gid 10001 sfsync \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/sfsync --create-home --shell /usr/sbin/nologin sfsync
# SFSYNC_TOKEN_STORE says where the login is kept; it is no token.
# hadolint ignore=DL3064
ENV PATH=/opt/sfsync/bin:$PATH \
    HOME=/var/lib/sfsync \
    SFSYNC_TOKEN_STORE=database
USER 10001:10001
WORKDIR /var/lib/sfsync
VOLUME /var/lib/sfsync
ENTRYPOINT ["sfsync"]
