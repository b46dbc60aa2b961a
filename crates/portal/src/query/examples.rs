//! Queries to begin with.

/// What they show, and how they go.
pub const EXAMPLES: [(&str, &str); 9] = [
    ("All devices", "SELECT * FROM devices"),
    (
        "Devices that are connected",
        "SELECT deviceId, lastActivityTime FROM devices\nWHERE connectionState = 'Connected'",
    ),
    (
        "Devices with a tag",
        "SELECT deviceId, tags FROM devices\nWHERE IS_DEFINED(tags.location)",
    ),
    (
        "Devices by the value of a tag",
        "SELECT * FROM devices\nWHERE tags.location.plant IN ['Munich', 'Redmond']",
    ),
    (
        "Devices that have not reported what is desired",
        "SELECT deviceId, properties.desired.firmware AS desired,\n  properties.reported.firmware AS reported\nFROM devices\nWHERE IS_DEFINED(properties.desired.firmware)\n  AND properties.reported.firmware != properties.desired.firmware",
    ),
    (
        "How many devices there are by status",
        "SELECT status, COUNT() AS numberOfDevices FROM devices\nGROUP BY status",
    ),
    (
        "How many devices have which firmware",
        "SELECT properties.reported.firmware AS firmware, COUNT() AS numberOfDevices\nFROM devices\nGROUP BY properties.reported.firmware",
    ),
    ("All modules", "SELECT * FROM devices.modules"),
    (
        "How many modules of each name are connected",
        "SELECT moduleId, COUNT() AS numberOfModules FROM devices.modules\nWHERE connectionState = 'Connected'\nGROUP BY moduleId",
    ),
];
