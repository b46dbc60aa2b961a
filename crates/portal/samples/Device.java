import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.Message;

public class Device {
    public static void main(String[] args) throws Exception {
        DeviceClient client = new DeviceClient(
            System.getenv("DEVICE_CONNECTION_STRING"), IotHubClientProtocol.MQTT);
        client.open(true);

        Message message = new Message("{\"temperature\": 21.5}");
        message.setContentType("application/json");
        message.setContentEncoding("utf-8");
        client.sendEvent(message);

        System.out.println(client.getTwin().getDesiredProperties());
        client.close();
    }
}
