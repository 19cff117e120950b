# A stand-in for calico/node, in what the overlay depends on: runit with calico-node's service directories and rc.local, a
# shell and coreutils, no libstdc++, no package manager (../shared/calico-integration.md 1.2 to 1.4).
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE} AS parts
RUN apt-get update && apt-get install -y --no-install-recommends runit bird2 && rm -rf /var/lib/apt/lists/*
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN mkdir -p /image/bin /image/tmp /image/root; ln -s bin /image/sbin; \
    mkdir -p /image/usr; ln -s ../bin /image/usr/bin; ln -s ../bin /image/usr/sbin; \
    for program in bash sh cat cp ls mkdir rm sleep env grep ln chmod tee runsv runsvdir sv svlogd birdcl; do \
      path=$(command -v $program || echo /usr/sbin/$program); cp -L "$path" "/image/bin/$program"; \
      ldd "$path" | sed -nE 's/.*(=>|^)[[:space:]]*(\/[^ ]+) \(.*/\2/p'; \
    done | sort -u | while read -r library; do mkdir -p "/image$(dirname "$library")"; cp -L "$library" "/image$library"; done; \
    ln -s birdcl /image/bin/birdcl6;\
    test -z "$(find /image -name "libstdc*")"
COPY start_runit /image/bin/start_runit
RUN mkdir -p /image/etc/service/available; cd /image/etc/service/available; \
    for name in bird bird6; do mkdir -p $name; \
      printf '#!/bin/sh\nexec 2>&1\nexec %s -R -s /var/run/calico/%s.ctl -d -c /etc/calico/confd/config/%s.cfg\n' $name $name $name > $name/run; \
    done; \
    mkdir -p confd; printf '#!/bin/sh\nexec 2>&1\nexec sleep infinity # calico-node -confd\n' > confd/run; \
    chmod 755 */run /image/bin/start_runit; printf '#!/bin/sh\nexit 1\n' > /image/bin/bird; cp /image/bin/bird /image/bin/bird6; \
    chmod 755 /image/bin/bird /image/bin/bird6; mkdir -p /image/var/run/calico /image/var/lib/calico /image/etc/calico/confd/config

FROM scratch
COPY --from=parts /image /
ENV SVDIR=/etc/service/enabled PATH=/bin
CMD ["start_runit"]
