//! A plan for tests.

use serde_json::{Value, json};

/// A plan without faults, with one of everything.
pub(crate) fn good() -> Value {
    let tool = "/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-tool-1.0/bin";
    json!({
        "version": 1,
        "instance": "myservice",
        "host": "myhost",
        "provider": {
            "type": "restic",
            "program": format!("{tool}/restic"),
            "path": [tool],
        },
        "repository": {
            "path": "/srv/backup/myservice",
            "mountPoint": null,
            "credentials": {
                "password": "/var/lib/backupservice-secrets/srv-backup-myservice",
                "repository": null,
                "environment": "/run/secrets/environment",
                "sshKey": "/run/secrets/key",
                "sshKnownHosts": "/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-known_hosts",
            },
            "passwordGenerated": true,
        },
        "sources": ["/var/lib/myservice", "/srv/myservice"],
        "exclude": ["*.tmp", "/var/lib/myservice/cache"],
        "oneFileSystem": false,
        "streams": [{
            "name": "database",
            "dumpUnit": "backupservice-myservice-dump-database.service",
            "loadUnit": "backupservice-myservice-load-database.service",
        }],
        "hooks": {
            "beforeBackup": [
                { "name": "1", "unit": "backupservice-myservice-before-1.service" },
            ],
            "afterBackup": [
                { "name": "1", "unit": "backupservice-myservice-after-1.service" },
            ],
            "beforeRestore": [],
            "afterRestore": [],
        },
        "quiesce": ["myservice.service"],
        "restoreUnits": ["myservice.service", "phpfpm-my\\x2dservice.service"],
        "startable": {
            "quiesce": ["myservice.service"],
            "restore": ["myservice.service", "phpfpm-my\\x2dservice.service"],
        },
        "retention": {
            "last": null,
            "hourly": null,
            "daily": 7,
            "weekly": 5,
            "monthly": 12,
            "yearly": null,
        },
        "maintenance": {
            "readData": 5,
            "schedule": { "calendar": "weekly", "randomizedDelay": "1h" },
        },
        "guards": { "maxShrink": 50 },
        "conditions": { "acPower": false, "unmeteredNetwork": false },
        "maxConcurrent": null,
        "schedule": { "calendar": "daily", "randomizedDelay": "1h" },
    })
}
