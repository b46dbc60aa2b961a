#include <stdio.h>
#include <stdlib.h>
#include "azure_c_shared_utility/threadapi.h"
#include "iothub.h"
#include "iothub_device_client.h"
#include "iothubtransportmqtt.h"

static void confirmed(IOTHUB_CLIENT_CONFIRMATION_RESULT result, void* done)
{
    printf("%s\n", MU_ENUM_TO_STRING(IOTHUB_CLIENT_CONFIRMATION_RESULT, result));
    *(volatile int*)done = 1;
}

/* What the hub's certificate is trusted by, as text. */
static char* ca_of_the_hub(void)
{
    static char pem[64 * 1024];
    const char* name = getenv("TWINHUB_CA_FILE");
    FILE* file = name == NULL ? NULL : fopen(name, "r");
    if (file == NULL) { perror("TWINHUB_CA_FILE"); exit(1); }
    pem[fread(pem, 1, sizeof pem - 1, file)] = '\0';
    fclose(file);
    return pem;
}

int main(void)
{
    volatile int done = 0;
    IoTHub_Init();
    IOTHUB_DEVICE_CLIENT_HANDLE client = IoTHubDeviceClient_CreateFromConnectionString(
        getenv("DEVICE_CONNECTION_STRING"), MQTT_Protocol);
    IoTHubDeviceClient_SetOption(client, OPTION_TRUSTED_CERT, ca_of_the_hub());

    IOTHUB_MESSAGE_HANDLE message = IoTHubMessage_CreateFromString("{\"temperature\": 21.5}");
    IoTHubMessage_SetContentTypeSystemProperty(message, "application/json");
    IoTHubMessage_SetContentEncodingSystemProperty(message, "utf-8");
    IoTHubDeviceClient_SendEventAsync(client, message, confirmed, (void*)&done);
    while (!done) ThreadAPI_Sleep(100);

    IoTHubMessage_Destroy(message);
    IoTHubDeviceClient_Destroy(client);
    IoTHub_Deinit();
    return 0;
}
