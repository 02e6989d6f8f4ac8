# One image for every process of the product: api, worker, listener, migrate, paper.
FROM python:3.11.13-slim-bookworm AS build

WORKDIR /opt/stopwatch
COPY requirements.image.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.image.lock
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
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

FROM python:3.11.13-slim-bookworm

# Nothing of the image is writable to it, and it may become nobody else: see docker-compose.yml for the rest.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin stopwatch \
    && install --directory --owner=10001 --group=10001 /var/lib/paper /var/lib/ops
COPY --from=build --chown=root:root /opt/venv /opt/venv
COPY --from=build --chown=root:root /opt/stopwatch /opt/stopwatch
ENV PATH="/opt/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp STOPWATCH_LOG_FORMAT=json
WORKDIR /opt/stopwatch
USER 10001:10001
ENTRYPOINT ["stopwatch"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
