import os

from azure.iot.device import IoTHubDeviceClient, Message

client = IoTHubDeviceClient.create_from_connection_string(os.environ["DEVICE_CONNECTION_STRING"])
client.connect()

message = Message('{"temperature": 21.5}')
message.content_type = "application/json"
message.content_encoding = "utf-8"
client.send_message(message)

client.patch_twin_reported_properties({"firmware": "1.0"})
print(client.get_twin()["desired"])
client.shutdown()
