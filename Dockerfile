# Builds everything from source, librdkafka and OpenSSL included, and keeps the program alone. The base
# images are pinned by version: docs/operating.md says why not by digest.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make perl \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# `shutterlag --version` tells it: --build-arg SHUTTERLAG_COMMIT=$(git rev-parse --short=12 HEAD)
ARG SHUTTERLAG_COMMIT=
# README.md is the crate's documentation; the manifest names the benches.
COPY Cargo.toml Cargo.lock README.md build.rs ./
COPY benches benches
# The program serves the runbooks.
COPY docs/runbooks docs/runbooks
COPY maps maps
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
 && cp target/release/shutterlag /usr/local/bin/shutterlag

FROM debian:bookworm-slim
# Authorities for brokers and token servers.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin shutterlag \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/shutterlag
COPY --from=build /usr/local/bin/shutterlag /usr/local/bin/shutterlag
# By number, so that an orchestrator can see that it is not root.
USER 10001
# A relative [store] path is here. Nothing else needs to be written to: run it with --read-only.
WORKDIR /var/lib/shutterlag
VOLUME /var/lib/shutterlag
EXPOSE 9464
# The image has no curl. Bash can open a connection by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && test \"$status\" = 200"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["shutterlag"]
CMD ["run", "--config", "/etc/shutterlag/shutterlag.toml"]
