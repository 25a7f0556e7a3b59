# One image for every service; docker-compose.yml says which one a container runs.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What the hashes name and nothing else; the project itself is built with the pinned setuptools, as by `make setup`.
COPY requirements/ requirements/
RUN python -m venv --without-pip /opt/orderbridge \
 && pip --python /opt/orderbridge/bin/python install --require-hashes --requirement requirements/runtime.txt \
 && sed -n '/^setuptools==/,/[^\\]$/p' requirements/development.txt > requirements/build.txt \
 && pip install --require-hashes --requirement requirements/build.txt

COPY pyproject.toml README.md LICENSE ./
COPY schemas/ schemas/
COPY orderbridge/ orderbridge/
COPY services/ services/
COPY sandbox/ sandbox/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/orderbridge/bin/python install --no-deps dist/orderbridge-*.whl


FROM python:3.13-slim

# A volume takes its owner from the folder that it is mounted on: these are what the services write.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/orderbridge orderbridge \
 && install --directory --owner=orderbridge --group=orderbridge --mode=0700 /var/lib/orderbridge \
    /var/lib/orderbridge/key-ring /var/lib/orderbridge/sandbox /var/lib/orderbridge/storefront \
    /var/lib/orderbridge/token

COPY --from=build /opt/orderbridge /opt/orderbridge
ENV PATH=/opt/orderbridge/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A thread keeps fewer free blocks to itself (orderbridge/memory.py).
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=1
WORKDIR /var/lib/orderbridge
USER 10001:10001
CMD ["orderbridge", "--help"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Orderbridge" \
      org.opencontainers.image.description="Joins an Amazon seller account to any web store over Kafka." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
