//! Programs to paste: a device that sends a message and reads its twin, with
//! Microsoft's SDKs as they are.

/// A program in one language.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The language.
    pub language: &'static str,
    /// Part of an element's ID.
    pub id: &'static str,
    /// The command that gets the SDK.
    pub install: &'static str,
    /// What makes it trust the hub.
    pub trust: &'static str,
    /// The program.
    pub code: &'static str,
}

/// In the order in which people look for them.
pub const SAMPLES: [Sample; 5] = [
    Sample {
        language: "Python",
        id: "python",
        install: "pip install azure-iot-device",
        trust: "eval \"$(twinhub env)\"",
        code: include_str!("../samples/device.py"),
    },
    Sample {
        language: "Node",
        id: "node",
        install: "npm install azure-iot-device azure-iot-device-mqtt",
        trust: "eval \"$(twinhub env)\"",
        code: include_str!("../samples/device.js"),
    },
    Sample {
        language: "C#",
        id: "csharp",
        install: "dotnet add package Microsoft.Azure.Devices.Client",
        trust: "# add the CA to the system's store",
        code: include_str!("../samples/Device.cs"),
    },
    Sample {
        language: "C",
        id: "c",
        install: "# azure-iot-sdk-c: link iothub_client, iothub_client_mqtt_transport, aziotsharedutil",
        trust: "eval \"$(twinhub env)\"    # sets TWINHUB_CA_FILE",
        code: include_str!("../samples/device.c"),
    },
    Sample {
        language: "Java",
        id: "java",
        install: "# Maven: com.microsoft.azure.sdk.iot:iot-device-client",
        trust: "keytool -importcert -noprompt -alias twinhub -file ca.pem -cacerts -storepass changeit",
        code: include_str!("../samples/Device.java"),
    },
];
