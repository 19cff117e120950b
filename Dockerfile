# Peregrine: Node.js, one bundle, koffi's binary for system calls, the libraries that they link, and nothing else.
#
#   docker build -t peregrine .
#   docker run --network host --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_BIND_SERVICE -v /etc/peregrine:/etc/peregrine:ro peregrine
#
# The process runs as root without any other right: a capability reaches another user only through ambient
# capabilities, which neither Docker nor Kubernetes gives. Without kernel routes and with a port above 1023 (or the
# sysctl net.ipv4.ip_unprivileged_port_start) it needs neither: `--user 65532`.

ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# Binaries of esbuild and koffi come in packages of their own; no script needs to run.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY . .
RUN node scripts/build.mjs && node scripts/assemble.mjs /image/opt/peregrine
# The libraries that node and koffi link, and nothing else: the image has no shell and no package manager.
# Whoever it runs as may write /run/peregrine: root without DAC_OVERRIDE is nobody special.
RUN set -eu; cd /image; \
    mkdir -p usr/local/bin run/peregrine etc tmp; chmod 1777 tmp run/peregrine; \
    cp /usr/local/bin/node usr/local/bin/; \
    for program in usr/local/bin/node $(find opt/peregrine/node_modules -name '*.node'); do \
      ldd "$program" | sed -nE 's/.*(=>|^)[[:space:]]*(\/[^ ]+) \(.*/\2/p'; \
    done | sort -u | while read -r library; do mkdir -p ".$(dirname "$library")"; cp -L "$library" ".$library"; done; \
    for name in opt/peregrine/bin/*.js; do \
      sed -i '1s|^#!.*|#!/usr/local/bin/node|' "$name"; chmod 755 "$name"; \
      ln -s "/$name" "usr/local/bin/$(basename "$name" .js)"; \
    done; \
    printf 'root:x:0:0:root:/:\nnonroot:x:65532:65532:nonroot:/:\n' > etc/passwd; \
    printf 'root:x:0:\nnonroot:x:65532:\n' > etc/group

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/local/bin
# Is the event loop alive? Whether sessions are up is `peregrine ready`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["peregrine", "live"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["peregrine"]
CMD ["run", "--config", "/etc/peregrine/peregrine.yaml"]
