using System.Text;
using Microsoft.Azure.Devices.Client;
using Microsoft.Azure.Devices.Shared;

using var client = DeviceClient.CreateFromConnectionString(
    Environment.GetEnvironmentVariable("DEVICE_CONNECTION_STRING"), TransportType.Mqtt);

using var message = new Message(Encoding.UTF8.GetBytes("{\"temperature\": 21.5}"))
{
    ContentType = "application/json",
    ContentEncoding = "utf-8",
};
await client.SendEventAsync(message);

var reported = new TwinCollection();
reported["firmware"] = "1.0";
await client.UpdateReportedPropertiesAsync(reported);
Console.WriteLine((await client.GetTwinAsync()).Properties.Desired);
