"""Planted in what watches the watchers: versions, ages, and what is said of a switch that was turned."""

from tests.planted.bug import DOORS, ENDLESS, KILL_SWITCH, ROUND, WATCHERS, Bug

WATCHER_BUGS: tuple[Bug, ...] = (
    Bug(
        "everything is pinned to its version",
        "With the old version's last worker the reconciler and the notices stand still.",
        "workflows/versions.py",
        "default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE",
        "default_versioning_behavior=VersioningBehavior.PINNED",
        (ENDLESS,),
    ),
    Bug(
        "what an older build has pinned stays pinned",
        "The reconciler of before the upgrade stands still after it.",
        "workflows/client.py",
        "    await free_of_its_version(client, id_)\n",
        "",
        (ENDLESS,),
    ),
    Bug(
        "a trading day goes over to another version",
        "A running day meets code that did not begin it.",
        "workflows/versions.py",
        "    day = PinnedStrategyRun if build_id else StrategyRun\n",
        "    day = StrategyRun\n",
        (ENDLESS,),
    ),
    Bug(
        "a stale round reads as fresh",
        "The reconciler stands still, and readiness says that all is well.",
        "domain/reconciler.py",
        "(age is not None and age <= STILL_AFTER)",
        "age is not None",
        (WATCHERS,),
    ),
    Bug(
        "a round that never was is no matter",
        "A reconciler that never began is never missed.",
        "domain/reconciler.py",
        "(age is not None and age <= STILL_AFTER)",
        "(age is None or age <= STILL_AFTER)",
        (WATCHERS,),
    ),
    Bug(
        "an age that nobody knows is zero",
        "No alert fires for a backup that was never made.",
        "adapters/telemetry/operations_metrics.py",
        "return math.inf if age is None else age.total_seconds()",
        "return 0.0 if age is None else age.total_seconds()",
        (WATCHERS,),
    ),
    Bug(
        "a round leaves no word",
        "The age grows though the reconciler goes round.",
        "activities/reconciler.py",
        "                await self._rounds.round_ended()\n",
        "",
        (ROUND,),
    ),
    Bug(
        "a round that Postgres cut short counts as one",
        "Nothing is repaired, and the age says that it is.",
        "activities/reconciler.py",
        "                done = await self._round(look or Look())\n"
        "                await self._rounds.round_ended()\n",
        "                await self._rounds.round_ended()\n"
        "                done = await self._round(look or Look())\n",
        (ROUND,),
    ),
    Bug(
        "one deaf run keeps a kill switch from all others",
        "A run whose version has no workers is asked first, and no other is told to sell.",
        "activities/reconciler.py",
        "one.limit, by_operator=one.by_operator)\n        except Unavailable:\n            return False\n",
        "one.limit, by_operator=one.by_operator)\n"
        "        except Unavailable:\n            raise StoreUnavailable from None\n",
        (ROUND,),
    ),
    Bug(
        "what was told counts as sold",
        "The operator reads that everything is sold while it is held.",
        "services/account/operator_kill_switch.py",
        "    ended = [one for one in found if not one.running]\n",
        "    ended = list(found)\n",
        (KILL_SWITCH,),
    ),
    Bug(
        "a run that did not hear is called told",
        "The user reads that a strategy is selling; it holds on.",
        "services/account/kill_switch.py",
        "        except Unavailable:\n            return False\n",
        "        except Unavailable:\n            return True\n",
        ("tests/integration/test_api_account.py",),
    ),
    Bug(
        "the door to Temporal's UI opens to any name",
        "A page that rebinds its name to this machine terminates runs.",
        "local/ui_guard.py",
        'request.headers.get("Host", "") not in hosts or (',
        "(",
        (DOORS,),
    ),
    Bug(
        "Temporal's HTTP API answers",
        "Any page of a browser starts a run.",
        "local/temporal.py",
        '["no host"]',
        '["*"]',
        (DOORS,),
    ),
)
