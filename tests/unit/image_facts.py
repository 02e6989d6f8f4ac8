"""What is known of each image that the Compose files use, from the Dockerfile it is built by.

Look again, at the project named beside each, whenever a tag changes: nothing here could pull one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_BUSYBOX = frozenset({"sh", "wget", "sed", "nc", "hostname", "cat"})
_DEBIAN = frozenset({"sh", "cat", "chown", "find", "grep", "sed"})


@dataclass(frozen=True, slots=True)
class Image:
    """`uid`: whom it runs as. None: root unless told, and any user will do.

    `owns`: its directories and their owners, which Docker gives to a new volume in their place; a volume
    where there is none is root's. `ports`: where it listens unless told otherwise. `programs`: those that
    checks and entrypoints name; without `sh` there is no shell.
    """

    uid: int | None
    ports: frozenset[int] = frozenset()
    owns: Mapping[str, int] = field(default_factory=dict)
    programs: frozenset[str] = frozenset()


IMAGES: Mapping[str, Image] = {
    # docker-library/postgres, 17/bookworm
    "postgres:17.12-bookworm": Image(
        999,
        frozenset({5432}),
        {"/var/lib/postgresql/data": 999, "/var/lib/postgresql": 999, "/var/run/postgresql": 999},
        _DEBIAN | {"pg_isready", "psql", "pg_dump", "pg_restore", "pg_basebackup", "pg_receivewal"},
    ),
    # valkey-io/valkey-container, 8.1/debian
    "valkey/valkey:8.1.8": Image(
        999, frozenset({6379}), {"/data": 999}, _DEBIAN | {"valkey-cli", "valkey-server"}
    ),
    # temporalio/temporal, docker/targets: Alpine, user temporal. The server reads its configuration from the
    # environment and writes no file. 9090 is where PROMETHEUS_ENDPOINT says.
    "temporalio/server:1.32.0": Image(
        1000, frozenset({7233, 7243, 9090}), programs=_BUSYBOX | {"/etc/temporal/entrypoint.sh"}
    ),
    "temporalio/admin-tools:1.32.0": Image(1000, programs=_BUSYBOX | {"temporal", "temporal-sql-tool"}),
    # temporalio/ui, server/Dockerfile: its configuration is read where it lies.
    "temporalio/ui:2.54.1": Image(1000, frozenset({8080}), programs=_BUSYBOX),
    # prometheus/prometheus, prometheus/alertmanager, prometheus/node_exporter: nobody, on busybox.
    "prom/prometheus:v3.5.0": Image(65534, frozenset({9090}), {"/prometheus": 65534}, _BUSYBOX),
    "prom/alertmanager:v0.28.1": Image(
        65534, frozenset({9093}), {"/alertmanager": 65534}, _BUSYBOX | {"/bin/alertmanager"}
    ),
    "prom/node-exporter:v1.9.1": Image(65534, frozenset({9100}), programs=_BUSYBOX),
    # prometheus-community/postgres_exporter: nobody, on busybox.
    "prometheuscommunity/postgres-exporter:v0.17.1": Image(65534, frozenset({9187}), programs=_BUSYBOX),
    # oliver006/redis_exporter: from scratch.
    "oliver006/redis_exporter:v1.74.0": Image(59000, frozenset({9121})),
    # grafana/grafana: user 472, group 0 or any.
    "grafana/grafana:12.1.1": Image(472, frozenset({3000}), {"/var/lib/grafana": 472}, _BUSYBOX),
    # grafana/loki, cmd/loki: distroless.
    "grafana/loki:3.5.5": Image(10001, frozenset({3100}), {"/loki": 10001}),
    # fluent/fluent-bit: distroless, and root unless told; 24224 and 2020 are our own file's.
    "fluent/fluent-bit:4.0.8": Image(None, programs=frozenset({"/fluent-bit/bin/fluent-bit"})),
    # traefik/traefik-library-image: Alpine, root unless told; its ports are those of its command.
    "traefik:3.6.19": Image(None, programs=_BUSYBOX | {"traefik"}),
    # Ours: the Dockerfile, which deploy/try-image.sh builds. 9464 and 9465 where the environment says.
    "stopwatch:0.1.0": Image(
        10001,
        frozenset({8000, 8100, 9464, 9465}),
        {"/var/lib/paper": 10001, "/var/lib/ops": 10001},
        _DEBIAN | {"python", "stopwatch"},
    ),
    "stopwatch-ops:0.1.0": Image(
        10001, owns={"/var/lib/ops": 10001}, programs=_DEBIAN | {"python", "stopwatch", "temporal"}
    ),
}
