const { Client, Message } = require("azure-iot-device");
const { Mqtt } = require("azure-iot-device-mqtt");

async function main() {
  const client = Client.fromConnectionString(process.env.DEVICE_CONNECTION_STRING, Mqtt);
  await client.open();

  const message = new Message(JSON.stringify({ temperature: 21.5 }));
  message.contentType = "application/json";
  message.contentEncoding = "utf-8";
  await client.sendEvent(message);

  const twin = await client.getTwin();
  console.log(twin.properties.desired);
  await client.close();
}

main();
